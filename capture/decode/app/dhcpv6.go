package app

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/miekg/dns"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeDHCPv6, dhcpv6Line, dhcpv6Fields)

var (
	f6Message   = decode.Define("dhcpv6.msgtype", "msg-type", decode.KindUint).As("message_type")
	f6XID       = decode.Define("dhcpv6.xid", "transaction-id", decode.KindHex)
	f6Hops      = decode.Define("dhcpv6.hopcount", "hop-count", decode.KindUint).As("hop_count").At(1, 1)
	f6Link      = decode.Define("dhcpv6.linkaddr", "link-address", decode.KindIP).As("link_address").At(2, 16)
	f6Peer      = decode.Define("dhcpv6.peeraddr", "peer-address", decode.KindIP).As("peer_address").At(18, 16)
	f6Option    = decode.Define("dhcpv6.options", "Option", decode.KindGroup).Several()
	f6OptType   = decode.Define("dhcpv6.option.type", "option-code", decode.KindUint).As("code").At(0, 2).Means(dhcpv6OptionName)
	f6OptLen    = decode.Define("dhcpv6.option.length", "option-len", decode.KindUint).As("length").At(2, 2)
	f6DUID      = decode.Define("dhcpv6.duid.bytes", "DUID", decode.KindBytes).As("duid")
	f6IAID      = decode.Define("dhcpv6.iaid", "IAID", decode.KindHex).As("iaid").At(0, 4)
	f6IATA      = decode.Define("dhcpv6.iata", "IAID", decode.KindHex).As("iaid")
	f6T1        = decode.Define("dhcpv6.iaid.t1", "T1, in s", decode.KindUint).As("t1").At(4, 4)
	f6T2        = decode.Define("dhcpv6.iaid.t2", "T2, in s", decode.KindUint).As("t2").At(8, 4)
	f6Address   = decode.Define("dhcpv6.iaaddr.ip", "Address", decode.KindIP).As("address").At(0, 16)
	f6Preferred = decode.Define("dhcpv6.iaaddr.pref_lifetime", "Preferred lifetime, in s", decode.KindUint).As("preferred_lifetime").At(16, 4)
	f6Valid     = decode.Define("dhcpv6.iaaddr.valid_lifetime", "Valid lifetime, in s", decode.KindUint).As("valid_lifetime").At(20, 4)
	f6PrefPref  = decode.Define("dhcpv6.iaprefix.pref_lifetime", "Preferred lifetime, in s", decode.KindUint).As("preferred_lifetime").At(0, 4)
	f6PrefValid = decode.Define("dhcpv6.iaprefix.valid_lifetime", "Valid lifetime, in s", decode.KindUint).As("valid_lifetime").At(4, 4)
	f6PrefLen   = decode.Define("dhcpv6.iaprefix.pref_len", "Prefix length", decode.KindUint).As("prefix_length").At(8, 1)
	f6Prefix    = decode.Define("dhcpv6.iaprefix.pref_addr", "Prefix", decode.KindIP).As("prefix").At(9, 16)
	f6Requested = decode.Define("dhcpv6.requested_option_code", "Requested option", decode.KindUint).As("codes").Several().Means(dhcpv6OptionName)
	f6Elapsed   = decode.Define("dhcpv6.elapsed_time", "Elapsed time, in ms", decode.KindUint).Times(10)
	f6Status    = decode.Define("dhcpv6.status_code", "Status code", decode.KindUint)
	f6StatusMsg = decode.Define("dhcpv6.status_msg", "Status message", decode.KindText).As("text")
	f6Server    = decode.Define("dhcpv6.dns_server", "DNS server", decode.KindIP).As("addresses").Several()
	f6Search    = decode.Define("dhcpv6.search_list", "Domain", decode.KindText).As("domains").Several()
	f6OptData   = decode.Define("dhcpv6.option.value", "Value", decode.KindBytes).As("data")
)

const (
	dhcpv6RelayForward = 12
	dhcpv6RelayReply   = 13
	maxNested          = 8 // messages in messages and options in options that are looked into
)

// DHCPv6 options (RFC 8415 section 21, RFC 3646).
const (
	dhcpv6ClientID  = 1
	dhcpv6ServerID  = 2
	dhcpv6IANA      = 3
	dhcpv6IATA      = 4
	dhcpv6IAAddr    = 5
	dhcpv6ORO       = 6
	dhcpv6Elapsed   = 8
	dhcpv6RelayMsg  = 9
	dhcpv6Status    = 13
	dhcpv6DNS       = 23
	dhcpv6Domains   = 24
	dhcpv6IAPD      = 25
	dhcpv6IAPrefix  = 26
	dhcpv6HeaderLen = 4  // before the options of a message
	dhcpv6RelayLen  = 34 // before those of a relay message
)

// dhcpv6Start returns how long the header before the options is.
func dhcpv6Start(t byte) int {
	if t == dhcpv6RelayForward || t == dhcpv6RelayReply {
		return dhcpv6RelayLen
	}
	return dhcpv6HeaderLen
}

func dhcpv6Fields(w *decode.FieldWriter, _ bool) { dhcpv6Message(w, 0, len(w.Data()), 0) }

// dhcpv6Message describes the message in [off, end).
func dhcpv6Message(w *decode.FieldWriter, off, end, depth int) {
	if off >= end {
		return
	}
	t := byte(w.Enum(f6Message, off, 1, dhcpv6Name))
	if dhcpv6Start(t) == dhcpv6RelayLen {
		w.Add(off, f6Hops, f6Link, f6Peer)
	} else {
		w.Uint(f6XID, off+1, 3)
	}
	dhcpv6Options(w, off+dhcpv6Start(t), end, depth)
}

func dhcpv6Options(w *decode.FieldWriter, off, end, depth int) {
	data := w.Data()
	for off+4 <= end {
		code, n := binary.BigEndian.Uint16(data[off:]), int(binary.BigEndian.Uint16(data[off+2:]))
		if off+4+n > end {
			return
		}
		w.Group(f6Option, off, 4+n)
		w.Add(off, f6OptType, f6OptLen)
		dhcpv6Option(w, code, off+4, n, depth)
		w.End()
		off += 4 + n
	}
}

func dhcpv6Option(w *decode.FieldWriter, code uint16, off, n, depth int) {
	inside := func(skip int) {
		if depth < maxNested {
			dhcpv6Options(w, off+skip, off+n, depth+1)
		}
	}
	switch {
	case code == dhcpv6ClientID || code == dhcpv6ServerID:
		w.Bytes(f6DUID, off, n)
	case (code == dhcpv6IANA || code == dhcpv6IAPD) && n >= 12:
		w.Add(off, f6IAID, f6T1, f6T2)
		inside(12)
	case code == dhcpv6IATA && n >= 4:
		w.Uint(f6IATA, off, 4)
		inside(4)
	case code == dhcpv6IAAddr && n >= 24:
		w.Add(off, f6Address, f6Preferred, f6Valid)
		inside(24)
	case code == dhcpv6IAPrefix && n >= 25:
		w.Add(off, f6PrefPref, f6PrefValid, f6PrefLen, f6Prefix)
		inside(25)
	case code == dhcpv6ORO:
		w.Each(f6Requested, off, off+n, 2)
	case code == dhcpv6Elapsed && n == 2:
		w.Uint(f6Elapsed, off, 2)
	case code == dhcpv6Status && n >= 2:
		w.Enum(f6Status, off, 2, dhcpv6StatusName)
		if n > 2 {
			w.Bytes(f6StatusMsg, off+2, n-2)
		}
	case code == dhcpv6DNS:
		w.Each(f6Server, off, off+n, 16)
	case code == dhcpv6Domains:
		dhcpv6Names(w, off, n)
	case code == dhcpv6RelayMsg && depth < maxNested:
		dhcpv6Message(w, off, off+n, depth+1)
	case n > 0:
		w.Bytes(f6OptData, off, n)
	}
}

// dhcpv6Names describes a list of domain names, which must not be compressed (RFC 8415 section 10).
func dhcpv6Names(w *decode.FieldWriter, off, n int) {
	list := w.Data()[off : off+n]
	for at, count := 0, 0; at < n && count < maxRecords; count++ {
		name, next, err := dns.UnpackDomainName(list, at)
		if err != nil || next <= at {
			return
		}
		w.Text(f6Search, off+at, next-at, nameText(name))
		at = next
	}
}

var dhcpv6OptionName = decode.Names{
	dhcpv6ClientID: "Client Identifier", dhcpv6ServerID: "Server Identifier",
	dhcpv6IANA: "IA for Non-temporary Addresses", dhcpv6IATA: "IA for Temporary Addresses",
	dhcpv6IAAddr: "IA Address", dhcpv6ORO: "Option Request", 7: "Preference", dhcpv6Elapsed: "Elapsed Time",
	dhcpv6RelayMsg: "Relay Message", 11: "Authentication", 12: "Server Unicast", dhcpv6Status: "Status Code",
	14: "Rapid Commit", 15: "User Class", 16: "Vendor Class", 17: "Vendor-specific Information", 18: "Interface-Id",
	19: "Reconfigure Message", 20: "Reconfigure Accept", dhcpv6DNS: "DNS Servers",
	dhcpv6Domains: "Domain Search List", dhcpv6IAPD: "IA for Prefix Delegation", dhcpv6IAPrefix: "IA Prefix",
	31: "SNTP Servers", 32: "Information Refresh Time", 37: "Remote-ID", 39: "Client FQDN", 56: "NTP Server",
	82: "SOL_MAX_RT",
}.Of

var dhcpv6StatusName = decode.Names{
	0: "Success", 1: "UnspecFail", 2: "NoAddrsAvail", 3: "NoBinding", 4: "NotOnLink", 5: "UseMulticast", 6: "NoPrefixAvail",
}.Of

var dhcpv6Name = decode.Names{
	1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply", 8: "release", 9: "decline",
	10: "reconfigure", 11: "inf-req", 12: "relay-fwd", 13: "relay-reply", 14: "leasequery", 15: "leasequery-reply",
}.Of

func dhcpv6Line(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < dhcpv6HeaderLen {
		return b, false
	}
	b = append(b, "dhcp6 "...)
	b = decode.AppendName(b, dhcpv6Name(uint64(data[0])), "message ", uint64(data[0]))
	if dhcpv6Start(data[0]) == dhcpv6RelayLen {
		if len(data) < dhcpv6RelayLen {
			return b, true
		}
		b = netip.AddrFrom16([16]byte(data[2:18])).AppendTo(append(b, ", link "...))
		return netip.AddrFrom16([16]byte(data[18:34])).AppendTo(append(b, ", peer "...)), true
	}
	b = decode.AppendBytes(append(b, ", xid 0x"...), data[1:4])
	for off := dhcpv6HeaderLen; off+4 <= len(data); {
		code, n := binary.BigEndian.Uint16(data[off:]), int(binary.BigEndian.Uint16(data[off+2:]))
		if off+4+n > len(data) {
			break
		}
		v := data[off+4 : off+4+n]
		switch {
		case code == dhcpv6IANA && n >= 12+4+24 && v[13] == dhcpv6IAAddr:
			b = netip.AddrFrom16([16]byte(v[16:32])).AppendTo(append(b, ", address "...))
		case code == dhcpv6IAPD && n >= 12+4+25 && v[13] == dhcpv6IAPrefix:
			b = netip.AddrFrom16([16]byte(v[25:41])).AppendTo(append(b, ", prefix "...))
			b = strconv.AppendUint(append(b, '/'), uint64(v[24]), 10)
		case code == dhcpv6Status && n >= 2:
			b = strconv.AppendUint(append(b, ", status "...), uint64(v[1]), 10)
		}
		off += 4 + n
	}
	return b, true
}
