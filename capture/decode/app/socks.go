package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeSOCKS, "SOCKS", socksFields)

var (
	fSOCKSVersion = decode.Define("socks.version", "Version", decode.KindUint).At(0, 1)
	fSOCKSShown   = decode.Define("socks.v", "Shown version", decode.KindUint).InLine("")
	fSOCKSCommand = decode.Define("socks.command", "Command", decode.KindUint).At(1, 1).
			Means(decode.Names{1: "connect", 2: "bind", 3: "UDP associate"}.Of).InLine(" ")
	fSOCKSResult  = decode.Define("socks.results", "Result", decode.KindUint).As("result").At(1, 1).Means(socksResult).InLine(" ")
	fSOCKSMethods = decode.Define("socks.auth_method_count", "Methods", decode.KindUint).As("methods_count").At(1, 1)
	fSOCKSMethod  = decode.Define("socks.auth_method", "Method", decode.KindUint).As("methods").Several().Means(socksMethod).InLine(" offers ")
	fSOCKSChosen  = decode.Define("socks.auth_accepted_method", "Accepted method", decode.KindUint).As("method").At(1, 1).Means(socksMethod).InLine(" accepts ")
	fSOCKSAddress = decode.Define("socks.dst", "Address", decode.KindIP).As("address").InLine(" ")
	fSOCKSAddr6   = decode.Define("socks.dstV6", "Address", decode.KindIP).As("address6").InLine(" ")
	fSOCKSName    = decode.Define("socks.remote_name", "Name", decode.KindText).As("name").InLine(" ")
	fSOCKSPort    = decode.Define("socks.dstport", "Port", decode.KindUint).As("port").InLine(" port ")
	fSOCKSUser    = decode.Define("socks.username", "User", decode.KindText).As("user").InLine(" user ")
)

// socksFields describes a message of version 4 or 5 (RFC 1928). Of version 5, length and content tell which it is.
func socksFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 2 {
		return
	}
	w.Add(0, fSOCKSVersion)
	w.Value(fSOCKSShown, 0, 0, uint64(data[0]))
	switch {
	case data[0] == 4:
		w.Add(0, fSOCKSCommand)
		w.Uint(fSOCKSPort, 2, 2)
		w.Bytes(fSOCKSAddress, 4, 4)
		if len(data) > 8 {
			user, next := zeroTerminated(data, 8)
			w.Bytes(fSOCKSUser, 8, len(user))
			if data[4]|data[5]|data[6] == 0 && next < len(data) { // version 4a has a name behind
				name, _ := zeroTerminated(data, next)
				w.Bytes(fSOCKSName, next, len(name))
			}
		}
	case data[0] == 0:
		w.Add(0, fSOCKSResult)
	case len(data) == 2:
		w.Add(0, fSOCKSChosen)
	case len(data) == 2+int(data[1]):
		w.Add(0, fSOCKSMethods)
		w.Each(fSOCKSMethod, 2, len(data), 1)
	case len(data) >= 7 && data[2] == 0:
		socksAddress(w)
	}
}

func socksAddress(w *decode.FieldWriter) {
	data := w.Data()
	end := 4
	address, n := fSOCKSName, 0
	switch data[3] {
	case 1:
		address, n = fSOCKSAddress, 4
	case 3:
		end, n = 5, int(data[4])
	case 4:
		address, n = fSOCKSAddr6, 16
	default:
		return
	}
	// An answer looks alike: its code stands where the command does, and 0, success, is no command.
	w.Add(0, fSOCKSCommand)
	w.Bytes(address, end, n)
	w.Uint(fSOCKSPort, end+n, 2)
}

var socksMethod = decode.Names{0: "no authentication", 1: "GSSAPI", 2: "user name and password", 0xff: "none"}.Of

var socksResult = decode.Names{90: "granted", 91: "rejected", 92: "rejected, no identd", 93: "rejected, another user"}.Of
