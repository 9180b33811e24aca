package app

import "sockwire/capture/decode"

var _ = show(decode.TypePOP, textLine("POP"), popFields)

var (
	fPOPCommand     = decode.Define("pop.request.command", "Command", decode.KindText).As("command")
	fPOPParameter   = decode.Define("pop.request.parameter", "Parameter", decode.KindText).As("parameter")
	fPOPIndicator   = decode.Define("pop.response.indicator", "Status", decode.KindText).As("status")
	fPOPDescription = decode.Define("pop.response.description", "Text", decode.KindText).As("text")
)

var popCommands = lines{commands: []string{"USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP",
	"UIDL", "CAPA", "STLS"}}

// popFields describes the first line of a command or an answer (RFC 1939): what follows it is mail, or a list.
func popFields(w *decode.FieldWriter, _ bool) {
	line, _, _ := nextLine(w.Data(), 0)
	word := wordEnd(line, 0)
	command, argument := fPOPCommand, fPOPParameter
	if len(line) > 0 && (line[0] == '+' || line[0] == '-') {
		command, argument = fPOPIndicator, fPOPDescription
	} else if !popCommands.isCommand(line[:word]) {
		return
	}
	w.Bytes(command, 0, word)
	if word+1 < len(line) {
		w.Bytes(argument, word+1, len(line)-word-1)
	}
}
