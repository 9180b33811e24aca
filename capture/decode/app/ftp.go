package app

import "sockwire/capture/decode"

var _ = showLines(decode.TypeFTP, "FTP", &lines{
	command:  decode.Define("ftp.request.command", "Command", decode.KindText).As("command"),
	argument: decode.Define("ftp.request.arg", "Argument", decode.KindText).As("argument"),
	code:     decode.Define("ftp.response.code", "Reply code", decode.KindUint).As("code"),
	text:     decode.Define("ftp.response.arg", "Reply", decode.KindText).As("reply"),
})
