/** Fields that older rule files may name: the last release that knew them. Naming one is an error that says so. */
export const removedFields = {
  'libs 0.21.0': `
    evtin.span.id evtin.span.ntags evtin.span.nargs evtin.span.tags evtin.span.tag evtin.span.args evtin.span.arg
    evtin.span.p.id evtin.span.p.ntags evtin.span.p.nargs evtin.span.p.tags evtin.span.p.tag evtin.span.p.args
    evtin.span.p.arg evtin.span.s.id evtin.span.s.ntags evtin.span.s.nargs evtin.span.s.tags evtin.span.s.tag
    evtin.span.s.args evtin.span.s.arg evtin.span.m.id evtin.span.m.ntags evtin.span.m.nargs evtin.span.m.tags
    evtin.span.m.tag evtin.span.m.args evtin.span.m.arg span.id span.time span.ntags span.nargs span.tags span.tag
    span.args span.arg span.enterargs span.enterarg span.duration span.duration.quantized span.duration.human
    span.duration.fortag span.count span.count.fortag span.childcount.fortag span.idtag span.rawtime
    span.rawparenttime
  `,
  'libs 0.20.0': `
    syslog.facility.str syslog.facility syslog.severity.str syslog.severity syslog.message
  `,
} as const;
