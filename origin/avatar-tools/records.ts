/** What a pack of a real person says about itself: consent, licence, provenance. */

export interface Consent {
  person: string
  statement: string
  recorded_at: string
  recorded_by: string
  source: { file: string; sha256: string }
}

export function consentRecord({ person, at, by, source }: { person: string; at: string; by: string; source: Consent['source'] }): Consent {
  return {
    person,
    statement: `${person} is the person shown in ${source.file} and agreed that a talking avatar is made of them and served, which says things that they did not say. They may take this back at any time; then this pack is deleted.`,
    recorded_at: at,
    recorded_by: by,
    source,
  }
}

export function licenceText(person: string, weights: string): string {
  return `The likeness in this pack is that of ${person}. It may be used as they agreed to (CONSENT.json) and not otherwise; it is not
part of AvaTar and not under its licence.

models/wav2lip.onnx comes under its owner's terms: ${weights}
`
}

export interface Provenance {
  consent: Consent
  loop: 'cross-fade' | 'ping-pong' | 'photo'
  model: { file: string; sha256: string; licence: { name: string; source?: string; by: string }; at: string }
}

const LOOPS = {
  'cross-fade': 'The clip is a part of the video whose end fades into its beginning.',
  'ping-pong': 'The clip is a part of the video, played forth and back.',
  photo: 'The clip is the photo, with small motion made by warping it.',
} as const

export function provenanceText({ consent, loop, model }: Provenance): string {
  const { source, person, recorded_at, recorded_by } = consent
  const { licence } = model
  return `# Where this avatar comes from

| what | from |
|---|---|
| likeness | ${person}; consent recorded ${recorded_at} by ${recorded_by}, see CONSENT.json |
| clip | ${source.file}, SHA-256 ${source.sha256} |
| mouth | ${model.file}, SHA-256 ${model.sha256}${licence.source === undefined ? '' : `, ${licence.source}`} |
| licence of the mouth's weights | ${licence.name}; accepted ${model.at} by ${licence.by} |

${LOOPS[loop]} When the avatar speaks, the mouth is drawn by the network from sound; what is seen then was never filmed.
`
}
