export function estimateSpeechS(text: string): number {
  return text.length * 0.065
}
