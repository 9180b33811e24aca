package wire

import "iter"

// IPv4 option types (https://www.iana.org/assignments/ip-parameters), the copied flag and the class in them.
const (
	IPv4OptionEnd         = 0
	IPv4OptionNop         = 1
	IPv4OptionRecordRoute = 7
	IPv4OptionTimestamp   = 68
	IPv4OptionSecurity    = 130
	IPv4OptionLSRR        = 131 // loose source route
	IPv4OptionStreamID    = 136
	IPv4OptionSSRR        = 137 // strict source route
	IPv4OptionRouterAlert = 148 // RFC 2113
)

// TCP option kinds (https://www.iana.org/assignments/tcp-parameters).
const (
	TCPOptionEnd           = 0
	TCPOptionNop           = 1
	TCPOptionMSS           = 2
	TCPOptionWindowScale   = 3 // RFC 7323
	TCPOptionSACKPermitted = 4 // RFC 2018
	TCPOptionSACK          = 5
	TCPOptionTimestamps    = 8   // RFC 7323
	TCPOptionMD5           = 19  // RFC 2385
	TCPOptionUserTimeout   = 28  // RFC 5482
	TCPOptionAO            = 29  // RFC 5925
	TCPOptionMPTCP         = 30  // RFC 8684
	TCPOptionFastOpen      = 34  // RFC 7413
	TCPOptionExperiment    = 253 // RFC 4727, RFC 6994
	TCPOptionExperiment2   = 254
)

// Options of IPv6 hop-by-hop and destination options headers (https://www.iana.org/assignments/ipv6-parameters).
const (
	IPv6OptionPad1        = 0
	IPv6OptionPadN        = 1
	IPv6OptionTunnelLimit = 4 // RFC 2473
	IPv6OptionRouterAlert = 5 // RFC 2711
	IPv6OptionJumbo       = 0xc2
	IPv6OptionHomeAddress = 0xc9 // RFC 6275
)

// Options of neighbour discovery (https://www.iana.org/assignments/icmpv6-parameters).
const (
	NDOptionSourceLinkAddr = 1
	NDOptionTargetLinkAddr = 2
	NDOptionPrefixInfo     = 3
	NDOptionRedirected     = 4
	NDOptionMTU            = 5
	NDOptionAdvInterval    = 7  // RFC 6275
	NDOptionNonce          = 14 // RFC 3971
	NDOptionRouteInfo      = 24 // RFC 4191
	NDOptionRDNSS          = 25 // RFC 8106
	NDOptionDNSSL          = 31
	NDOptionCaptivePortal  = 37 // RFC 8910
	NDOptionPREF64         = 38 // RFC 8781
)

// Option is one option of an IPv4, TCP or IPv6 options header, or of neighbour discovery.
type Option struct {
	Kind   uint8
	Offset int    // from the start of the options
	Length int    // with kind and length bytes; what is there where the option is cut
	Data   []byte // behind kind and length bytes
	Cut    bool   // its length cannot be, or it ends behind the options; nothing can follow
}

// OptionAt reads the option of an IPv4 or TCP header that starts at off, which is inside b (RFC 791, section 3.1; RFC
// 9293, section 3.1). Kinds 0 and 1 are single bytes. Behind the end-of-options kind there may be bytes, which mean
// nothing: [IPv4Options] and [TCPOptions] stop there.
func OptionAt(b []byte, off int) Option {
	o := Option{Kind: b[off], Offset: off, Length: 1}
	if o.Kind <= TCPOptionNop {
		return o
	}
	left := len(b) - off
	if left < 2 || b[off+1] < 2 || int(b[off+1]) > left {
		o.Length, o.Cut = left, true
		return o
	}
	o.Length = int(b[off+1])
	o.Data = b[off+2 : off+o.Length : off+o.Length]
	return o
}

// IPv4Options gives the options of an IPv4 header, to the end-of-options kind and with it. b is [IPv4.Options].
func IPv4Options(b []byte) iter.Seq[Option] { return TCPOptions(b) }

// TCPOptions gives the options of a TCP header, to the end-of-options kind and with it. b is [TCP.Options].
func TCPOptions(b []byte) iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for off := 0; off < len(b); {
			o := OptionAt(b, off)
			if !yield(o) || o.Cut || o.Kind == TCPOptionEnd {
				return
			}
			off += o.Length
		}
	}
}

// IPv6OptionAt reads the option of a hop-by-hop or destination options header that starts at off, which is inside b
// (RFC 8200, section 4.2). Pad1 is a single byte.
func IPv6OptionAt(b []byte, off int) Option {
	o := Option{Kind: b[off], Offset: off, Length: 1}
	if o.Kind == IPv6OptionPad1 {
		return o
	}
	left := len(b) - off
	if left < 2 || 2+int(b[off+1]) > left {
		o.Length, o.Cut = left, true
		return o
	}
	o.Length = 2 + int(b[off+1])
	o.Data = b[off+2 : off+o.Length : off+o.Length]
	return o
}

// IPv6Options gives the options of a hop-by-hop or destination options header, padding among them. b is what follows
// the first two bytes of the header: [Extension.Options].
func IPv6Options(b []byte) iter.Seq[Option] { return options(b, IPv6OptionAt) }

func options(b []byte, at func([]byte, int) Option) iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for off := 0; off < len(b); {
			o := at(b, off)
			if !yield(o) || o.Cut {
				return
			}
			off += o.Length
		}
	}
}

// NDOptionAt reads the option of a neighbour discovery message that starts at off, which is inside b (RFC 4861, section
// 4.6). Lengths count 8 bytes; 0 cannot be.
func NDOptionAt(b []byte, off int) Option {
	o := Option{Kind: b[off], Offset: off}
	left := len(b) - off
	if left < 2 || b[off+1] == 0 || 8*int(b[off+1]) > left {
		o.Length, o.Cut = left, true
		return o
	}
	o.Length = 8 * int(b[off+1])
	o.Data = b[off+2 : off+o.Length : off+o.Length]
	return o
}

// NDOptions gives the options of a neighbour discovery message.
func NDOptions(b []byte) iter.Seq[Option] { return options(b, NDOptionAt) }

// SourceRoute returns where among the options of an IPv4 header the last address of its loose or strict source route
// stands (RFC 791, section 3.1). It is the final destination, which checksums cover. ok is false where there is no
// route, or it is used up and the destination of the header is the final one.
func SourceRoute(options []byte) (at int, ok bool) {
	for o := range IPv4Options(options) {
		if o.Cut || o.Kind != IPv4OptionLSRR && o.Kind != IPv4OptionSSRR {
			continue
		}
		// The pointer counts from the kind byte, from 1: it is behind the option when the route is used up.
		if len(o.Data) >= 5 && int(o.Data[0]) <= len(o.Data) {
			return o.Offset + o.Length - 4, true
		}
		return 0, false
	}
	return 0, false
}

// IPv4OptionName names an option of an IPv4 header; "" for one without a name here.
func IPv4OptionName(kind uint8) string { return ipv4OptionsNames[kind] }

var ipv4OptionsNames = [256]string{
	IPv4OptionEnd: "End of options", IPv4OptionNop: "No operation", IPv4OptionRecordRoute: "Record route",
	IPv4OptionTimestamp: "Timestamp", IPv4OptionSecurity: "Security", IPv4OptionLSRR: "Loose source route",
	IPv4OptionStreamID: "Stream ID", IPv4OptionSSRR: "Strict source route", IPv4OptionRouterAlert: "Router alert",
}

// TCPOptionName names an option of a TCP header; "" for one without a name here.
func TCPOptionName(kind uint8) string { return tcpOptionsNames[kind] }

var tcpOptionsNames = [256]string{
	TCPOptionEnd: "End of options", TCPOptionNop: "No operation", TCPOptionMSS: "Maximum segment size",
	TCPOptionWindowScale: "Window scale", TCPOptionSACKPermitted: "SACK permitted", TCPOptionSACK: "SACK",
	TCPOptionTimestamps: "Timestamps", TCPOptionMD5: "MD5 signature", TCPOptionUserTimeout: "User timeout",
	TCPOptionAO: "Authentication", TCPOptionMPTCP: "Multipath TCP", TCPOptionFastOpen: "Fast open",
}

// IPv6OptionName names an option of a hop-by-hop or destination options header; "" for one without a name here.
func IPv6OptionName(kind uint8) string { return ipv6OptionsNames[kind] }

var ipv6OptionsNames = [256]string{
	IPv6OptionPad1: "Pad1", IPv6OptionPadN: "PadN", IPv6OptionTunnelLimit: "Tunnel encapsulation limit",
	IPv6OptionRouterAlert: "Router alert", IPv6OptionJumbo: "Jumbo payload", IPv6OptionHomeAddress: "Home address",
}

// NDOptionName names an option of neighbour discovery; "" for one without a name here.
func NDOptionName(kind uint8) string { return ndOptionsNames[kind] }

var ndOptionsNames = [256]string{
	NDOptionSourceLinkAddr: "Source link-layer address", NDOptionTargetLinkAddr: "Target link-layer address",
	NDOptionPrefixInfo: "Prefix information", NDOptionRedirected: "Redirected header", NDOptionMTU: "MTU",
	NDOptionAdvInterval: "Advertisement interval", NDOptionNonce: "Nonce", NDOptionRouteInfo: "Route information",
	NDOptionRDNSS: "Recursive DNS server", NDOptionDNSSL: "DNS search list", NDOptionCaptivePortal: "Captive portal",
	NDOptionPREF64: "PREF64",
}
