/** Bytes of one RTP payload: fits an MTU of 1280 with IPv6, UDP, TURN, SRTP and header extensions. */
export const MAX_PAYLOAD_BYTES = 1_150
