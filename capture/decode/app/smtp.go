package app

import "sockwire/capture/decode"

var _ = showLines(decode.TypeSMTP, "SMTP", &lines{
	commands: []string{"EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "AUTH",
		"STARTTLS", "SEND", "SOML", "SAML", "TURN", "ETRN", "XCLIENT"},
	command:  decode.Define("smtp.req.command", "Command", decode.KindText).As("command"),
	argument: decode.Define("smtp.req.parameter", "Parameter", decode.KindText).As("parameter"),
	code:     decode.Define("smtp.response.code", "Reply code", decode.KindUint).As("code"),
	text:     decode.Define("smtp.rsp.parameter", "Reply", decode.KindText).As("reply"),
	other:    decode.Define("smtp.message", "Mail", decode.KindText).As("mail"),
})
