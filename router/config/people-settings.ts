import * as z from 'zod';
import type { Written } from '#playbooks/language/written';

/** The person who has the router's own token. */
export const OPERATOR = 'operator';

const MOST_PEOPLE = 256;
const MOST_GROUPS = 64;
const name = (what: string) =>
  z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, `${what} is named by small letters, digits and -`);
const publicUrl = z.url({ protocol: /^https?$/, error: 'expected a URL with http or https' }).max(1_024);
const secret = z.string().min(1).max(1_024);

const personSchema = z.strictObject({
  /** The member ID, `U…` or `W…`: names in Slack change, and are anybody's to choose. */
  slack: z
    .string()
    .regex(/^[UW][A-Z0-9]{2,20}$/, "expected a Slack member ID such as U012AB3CD; it is in the person's profile")
    .optional(),
  email: z
    .string()
    .max(254)
    .regex(/^[^\s<>()[\],;:"\\@]+@[^\s<>()[\],;:"\\@]+$/, 'expected one e-mail address')
    .optional(),
  /** For console, command line and API. */
  token: secret.optional(),
});

/** What router.yaml says of people and of how they answer; secrets are still references. */
export const peopleShape = {
  /** Where people reach this router, for the links in messages. */
  public_url: publicUrl.optional(),
  people: z.record(name('a person'), personSchema).default({}),
  groups: z.record(name('a group'), z.array(z.string()).min(1).max(MOST_PEOPLE)).default({}),
  /** Who may silence alerts, beside the operator: groups. */
  silences: z.strictObject({ by: z.array(z.string()).max(64) }).default({ by: [] }),
  hooks: z
    .strictObject({
      slack: z.strictObject({ signing_secret: secret }).optional(),
      pagerduty: z.strictObject({ secret }).optional(),
      opsgenie: z.strictObject({ token: secret }).optional(),
    })
    .default({}),
};

const peopleSchema = z.strictObject(peopleShape);
export type PeopleSettings = z.output<typeof peopleSchema>;

export const noPeople: PeopleSettings = { people: {}, groups: {}, silences: { by: [] }, hooks: {} };

/** What the schema cannot see. */
export function checkPeople({ people, groups, silences, public_url }: PeopleSettings, written: Written): void {
  if (people[OPERATOR] !== undefined)
    written.fail(['people', OPERATOR], `${OPERATOR} is whoever has the router's own token`);
  if (Object.keys(people).length > MOST_PEOPLE) written.fail(['people'], `more than ${MOST_PEOPLE} people`);
  if (Object.keys(groups).length > MOST_GROUPS) written.fail(['groups'], `more than ${MOST_GROUPS} groups`);
  for (const [group, members] of Object.entries(groups)) {
    for (const [index, member] of members.entries()) {
      if (member === OPERATOR || Object.hasOwn(people, member)) continue;
      written.fail(
        ['groups', group, index],
        `there is no person ${member}; there are ${[...Object.keys(people), OPERATOR].join(', ')}`,
      );
    }
  }
  for (const [index, group] of silences.by.entries()) {
    if (!Object.hasOwn(groups, group)) written.fail(['silences', 'by', index], `there is no group ${group}`);
  }
  for (const key of ['slack', 'email'] as const) {
    const seen = new Map<string, string>();
    for (const [person, settings] of Object.entries(people)) {
      const value = settings[key]?.toLowerCase();
      const other = value === undefined ? undefined : seen.get(value);
      if (other !== undefined) written.fail(['people', person, key], `is ${other}'s already`);
      if (value !== undefined) seen.set(value, person);
    }
  }
  if (public_url !== undefined && /[?#]/.test(public_url))
    written.fail(['public_url'], 'expected a URL without ? and #');
}
