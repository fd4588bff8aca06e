import { host, inside, type RuleSet } from '../stimulus.ts';
import { publishedRules } from './folder.ts';

/** `falco-deprecated_rules.yaml`. */
export const deprecated: RuleSet = {
  name: 'deprecated',
  paths: [publishedRules('falco-deprecated_rules.yaml')],
  tuning: `
- list: allowed_image
  items: [lanner-busybox]
  override: {items: append}
- list: authorized_server_binary
  items: [nginx]
  override: {items: append}
- list: authorized_server_port
  items: [443]
  override: {items: append}
- list: c2_server_ip_list
  items: ['"203.0.113.66"']
  override: {items: append}
- list: c2_server_fqdn_list
  items: [c2.example]
  override: {items: append}
`,
  cases: [
    {
      rule: 'Disallowed SSH Connection',
      fire: host('act tcp 203.0.113.7 22'),
      miss: host('act tcp 203.0.113.7 23 + try tcp 127.0.0.1 22'),
    },
    {
      rule: 'Unexpected outbound connection destination',
      fire: host('act tcp 203.0.113.7 80'),
      miss: host('act udp 8.8.8.8 53 + tcp 10.1.2.9 80'),
    },
    {
      rule: 'Outbound or Inbound Traffic not to Authorized Server Process and Port',
      fire: inside('act tcp 203.0.113.7 8000'),
      miss: inside('act tcp 203.0.113.7 443; as nginx tcp 203.0.113.7 8000'),
    },
    {
      rule: 'Outbound Connection to C2 Servers',
      fire: host('act tcp 203.0.113.66 80'),
      miss: host('act tcp 203.0.113.67 80'),
    },
  ],
};
