package app

import "sockwire/capture/decode"

var _ = showLines(decode.TypeNNTP, "NNTP", &lines{
	commands: []string{"ARTICLE", "AUTHINFO", "BODY", "CAPABILITIES", "CHECK", "DATE", "GROUP", "HDR", "HEAD", "HELP", "IHAVE", "LAST",
		"LIST", "LISTGROUP", "MODE", "NEWGROUPS", "NEWNEWS", "NEXT", "OVER", "POST", "QUIT", "STARTTLS", "STAT", "TAKETHIS", "XHDR",
		"XOVER"},
	command:  decode.Define("nntp.request.command", "Command", decode.KindText).As("command"),
	argument: decode.Define("nntp.request.argument", "Argument", decode.KindText).As("argument"),
	code:     decode.Define("nntp.response.code", "Response code", decode.KindUint).As("code"),
	text:     decode.Define("nntp.response.text", "Response", decode.KindText).As("response"),
})
