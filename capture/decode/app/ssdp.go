package app

import "sockwire/capture/decode"

// SSDP is HTTP in datagrams, and has its fields.
var _ = show(decode.TypeSSDP, textLine("SSDP"), httpFields)
