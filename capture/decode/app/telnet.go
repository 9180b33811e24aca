package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeTelnet, "Telnet", telnetFields)

var (
	fTelnetCommand = decode.Define("telnet.cmd", "Command", decode.KindUint).As("commands").Several().Means(telnetCommand).InLine(" ")
	fTelnetOption  = decode.Define("telnet.subcmd", "Option", decode.KindUint).As("option").Means(telnetOption).InLine(" ")
	fTelnetData    = decode.Define("telnet.data", "Data", decode.KindText).As("data").InLine(" ")
	fTelnetPart    = decode.Define("telnet.part", "Command or text", decode.KindGroup).As("parts").Several()
)

const (
	telnetSE  = 240
	telnetSB  = 250
	telnetIAC = 255
)

// telnetFields describes commands and the text between them (RFC 854).
func telnetFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	for off, i := 0, 0; off < len(data) && i < maxMessages; i++ {
		end := telnetEnd(data, off)
		w.Group(fTelnetPart, off, end-off)
		if data[off] != telnetIAC || off+1 < len(data) && data[off+1] == telnetIAC {
			w.Bytes(fTelnetData, off, end-off)
		} else if off+1 < len(data) {
			c := w.Enum(fTelnetCommand, off+1, 1, telnetCommand)
			if c == telnetSB && end-off >= 5 && data[end-1] == telnetSE {
				w.Enum(fTelnetCommand, end-1, 1, telnetCommand)
			}
			if c >= telnetSB && c < telnetIAC {
				w.Enum(fTelnetOption, off+2, 1, telnetOption)
			}
		}
		w.End()
		off = end
	}
}

// telnetEnd returns where the command, or the line of text, that starts at off ends.
func telnetEnd(data []byte, off int) int {
	if data[off] != telnetIAC || off+1 < len(data) && data[off+1] == telnetIAC {
		end := off + 1
		for end < len(data) && data[end] != telnetIAC && data[end-1] != '\n' {
			end++
		}
		return end
	}
	switch {
	case off+1 >= len(data):
		return len(data)
	case data[off+1] == telnetSB: // a subnegotiation reaches to IAC SE
		if i := bytes.Index(data[off+2:], []byte{telnetIAC, telnetSE}); i >= 0 {
			return off + 2 + i + 2
		}
		return len(data)
	case data[off+1] > telnetSB:
		return min(off+3, len(data))
	}
	return off + 2
}

var telnetCommand = decode.Names{
	236: "EOF", 237: "SUSP", 238: "ABORT", 239: "EOR", 240: "SE", 241: "NOP", 242: "DMARK", 243: "BRK", 244: "IP", 245: "AO",
	246: "AYT", 247: "EC", 248: "EL", 249: "GA", 250: "SB", 251: "WILL", 252: "WONT", 253: "DO", 254: "DONT",
}.Of

var telnetOption = decode.Names{
	0: "BINARY", 1: "ECHO", 2: "RCP", 3: "SUPPRESS GO AHEAD", 4: "NAME", 5: "STATUS", 6: "TIMING MARK", 17: "EXTEND ASCII", 18: "LOGOUT",
	19: "BYTE MACRO", 20: "DATA ENTRY TERMINAL", 21: "SUPDUP", 22: "SUPDUP OUTPUT", 23: "SEND LOCATION", 24: "TERMINAL TYPE",
	25: "END OF RECORD", 26: "TACACS UID", 27: "OUTPUT MARKING", 28: "TTYLOC", 29: "3270 REGIME", 30: "X.3 PAD", 31: "NAWS",
	32: "TSPEED", 33: "LFLOW", 34: "LINEMODE", 35: "XDISPLOC", 36: "OLD-ENVIRON", 37: "AUTHENTICATION", 38: "ENCRYPT", 39: "NEW-ENVIRON",
	40: "TN3270E", 42: "CHARSET", 44: "COM PORT", 46: "START TLS",
}.Of
