package app

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeDHCPv4, dhcpLine, dhcpFields)

var (
	fDHCPOp        = decode.Define("dhcp.type", "op", decode.KindUint).As("op")
	fDHCPHType     = decode.Define("dhcp.hw.type", "htype", decode.KindUint).As("htype")
	fDHCPHLen      = decode.Define("dhcp.hw.len", "hlen", decode.KindUint).As("hlen")
	fDHCPHops      = decode.Define("dhcp.hops", "hops", decode.KindUint).At(3, 1)
	fDHCPXID       = decode.Define("dhcp.id", "xid", decode.KindHex).As("xid").At(4, 4)
	fDHCPSecs      = decode.Define("dhcp.secs", "secs", decode.KindUint).At(8, 2)
	fDHCPBroadcast = decode.Define("dhcp.flags.bc", "Broadcast flag", decode.KindBool).As("broadcast").Bits(80, 1)
	fDHCPClient    = decode.Define("dhcp.ip.client", "ciaddr", decode.KindIP).As("ciaddr")
	fDHCPYour      = decode.Define("dhcp.ip.your", "yiaddr", decode.KindIP).As("yiaddr")
	fDHCPServer    = decode.Define("dhcp.ip.server", "siaddr", decode.KindIP).As("siaddr")
	fDHCPRelay     = decode.Define("dhcp.ip.relay", "giaddr", decode.KindIP).As("giaddr")
	fDHCPMAC       = decode.Define("dhcp.hw.mac_addr", "chaddr", decode.KindMAC).As("chaddr")
	fDHCPOption    = decode.Define("dhcp.options", "Option", decode.KindGroup).Several()
	fDHCPOptType   = decode.Define("dhcp.option.type", "Code", decode.KindUint).As("code").At(0, 1).Means(dhcpOptionName)
	fDHCPOptLen    = decode.Define("dhcp.option.length", "Length", decode.KindUint).As("length").At(1, 1)
	fDHCPMessage   = decode.Define("dhcp.option.dhcp", "DHCP Message Type", decode.KindUint).As("message_type").Means(dhcpMessageName)
	fDHCPMask      = decode.Define("dhcp.option.subnet_mask", "Subnet Mask", decode.KindIP).As("subnet_mask")
	fDHCPRouter    = decode.Define("dhcp.option.router", "Router", decode.KindIP).As("addresses").Several()
	fDHCPDNS       = decode.Define("dhcp.option.domain_name_server", "Domain Name Server", decode.KindIP).As("addresses").Several()
	fDHCPNTP       = decode.Define("dhcp.option.ntp_server", "NTP Server", decode.KindIP).As("addresses").Several()
	fDHCPHost      = decode.Define("dhcp.option.hostname", "Host Name", decode.KindText).As("text")
	fDHCPDomain    = decode.Define("dhcp.option.domain_name", "Domain Name", decode.KindText).As("text")
	fDHCPRequested = decode.Define("dhcp.option.requested_ip_address", "Requested IP Address", decode.KindIP).As("address")
	fDHCPLease     = decode.Define("dhcp.option.ip_address_lease_time", "IP Address Lease Time, in s", decode.KindUint).As("seconds")
	fDHCPServerID  = decode.Define("dhcp.option.dhcp_server_id", "Server Identifier", decode.KindIP).As("address")
	fDHCPRenew     = decode.Define("dhcp.option.renewal_time_value", "Renewal Time, in s", decode.KindUint).As("seconds")
	fDHCPRebind    = decode.Define("dhcp.option.rebinding_time_value", "Rebinding Time, in s", decode.KindUint).As("seconds")
	fDHCPMaxSize   = decode.Define("dhcp.option.dhcp_max_message_size", "Maximum Message Size", decode.KindUint).As("size")
	fDHCPRequest   = decode.Define("dhcp.option.request_list_item", "Parameter Request List", decode.KindUint).As("codes").Several().Means(dhcpOptionName)
	fDHCPVendor    = decode.Define("dhcp.option.vendor_class_id", "Vendor class identifier", decode.KindText).As("text")
	fDHCPNotice    = decode.Define("dhcp.option.message", "Message", decode.KindText).As("text")
	fDHCPData      = decode.Define("dhcp.option.data", "Value", decode.KindBytes).As("data")
)

// dhcpCookie starts the options of DHCP (RFC 2131 section 3).
const dhcpCookie = 0x63825363

func dhcpFields(w *decode.FieldWriter, _ bool) {
	w.Enum(fDHCPOp, 0, 1, dhcpOpName)
	w.Uint(fDHCPHType, 1, 1)
	hlen := w.Uint(fDHCPHLen, 2, 1)
	w.Add(0, fDHCPHops, fDHCPXID, fDHCPSecs, fDHCPBroadcast)
	for i, d := range [...]*decode.Definition{fDHCPClient, fDHCPYour, fDHCPServer, fDHCPRelay} {
		w.Bytes(d, 12+4*i, 4)
	}
	if hlen == 6 {
		w.Bytes(fDHCPMAC, 28, 6)
	}
	dhcpOptions(w.Data(), func(code byte, off, n int) {
		w.Group(fDHCPOption, off, 2+n)
		w.Add(off, fDHCPOptType, fDHCPOptLen)
		dhcpOptionFields(w, code, off+2, n)
		w.End()
	})
}

// dhcpOptions calls f for each option but padding and the end, with its offset and the length of its data.
func dhcpOptions(data []byte, f func(code byte, off, n int)) {
	if len(data) < 240 || binary.BigEndian.Uint32(data[236:]) != dhcpCookie {
		return
	}
	for off := 240; off+2 <= len(data); {
		switch data[off] {
		case 0:
			off++
			continue
		case 255:
			return
		}
		n := int(data[off+1])
		if off+2+n > len(data) {
			return
		}
		f(data[off], off, n)
		off += 2 + n
	}
}

// dhcpKnown are the options of which more than the bytes is shown: as a field of so many bytes, or as many of them as
// there are, or, where size is 0, as one field.
var dhcpKnown = map[byte]struct {
	field *decode.Definition
	size  int
}{
	1: {fDHCPMask, 4}, 3: {fDHCPRouter, 4}, 6: {fDHCPDNS, 4}, 12: {fDHCPHost, 0}, 15: {fDHCPDomain, 0}, 42: {fDHCPNTP, 4},
	50: {fDHCPRequested, 4}, 51: {fDHCPLease, 4}, 53: {fDHCPMessage, 1}, 54: {fDHCPServerID, 4}, 55: {fDHCPRequest, 1},
	56: {fDHCPNotice, 0}, 57: {fDHCPMaxSize, 2}, 58: {fDHCPRenew, 4}, 59: {fDHCPRebind, 4}, 60: {fDHCPVendor, 0},
}

func dhcpOptionFields(w *decode.FieldWriter, code byte, off, n int) {
	known, ok := dhcpKnown[code]
	switch {
	case code == 61 && n == 7:
		w.Uint(fDHCPHType, off, 1)
		w.Bytes(fDHCPMAC, off+1, 6)
	case ok && known.size == 0:
		w.Bytes(known.field, off, n)
	case ok && (known.field.List || n == known.size):
		w.Each(known.field, off, off+n, known.size)
	case n > 0:
		w.Bytes(fDHCPData, off, n)
	}
}

var dhcpOpName = decode.Names{
	1: "BOOTREQUEST", 2: "BOOTREPLY",
}.Of

var dhcpMessageName = decode.Names{
	1: "Discover", 2: "Offer", 3: "Request", 4: "Decline", 5: "ACK", 6: "NAK", 7: "Release", 8: "Inform", 9: "ForceRenew",
	10: "LeaseQuery", 11: "LeaseUnassigned", 12: "LeaseUnknown", 13: "LeaseActive", 14: "BulkLeaseQuery", 15: "LeaseQueryDone",
}.Of

var dhcpOptionName = decode.Names{
	1: "Subnet Mask", 2: "Time Offset", 3: "Router", 4: "Time Server", 6: "Domain Name Server", 7: "Log Server", 12: "Host Name",
	13: "Boot File Size", 15: "Domain Name", 17: "Root Path", 26: "Interface MTU", 28: "Broadcast Address", 33: "Static Route",
	42: "NTP Servers", 43: "Vendor Specific Information", 44: "NetBIOS Name Server", 46: "NetBIOS Node Type", 47: "NetBIOS Scope",
	50: "Requested IP Address", 51: "IP Address Lease Time", 52: "Option Overload", 53: "DHCP Message Type", 54: "Server Identifier",
	55: "Parameter Request List", 56: "Message", 57: "Maximum DHCP Message Size", 58: "Renewal Time", 59: "Rebinding Time",
	60: "Vendor Class Identifier", 61: "Client Identifier", 66: "TFTP Server Name", 67: "Bootfile Name", 77: "User Class",
	81: "Client FQDN", 82: "Relay Agent Information", 93: "Client System Architecture", 94: "Client Network Interface",
	97: "Client Machine Identifier", 100: "POSIX Timezone", 101: "TZDB Timezone", 119: "Domain Search", 121: "Classless Static Route",
	150: "TFTP Server Address",
}.Of

func dhcpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 44 {
		return b, false
	}
	switch data[0] {
	case 1:
		b = append(b, "BOOTP/DHCP, Request from "...)
	case 2:
		b = append(b, "BOOTP/DHCP, Reply to "...)
	default:
		return b, false
	}
	b = decode.AppendMAC(b, data[28:28+min(int(data[2]), 16)])
	var kind, requested, host []byte
	dhcpOptions(data, func(code byte, off, n int) {
		switch {
		case code == 53 && n == 1:
			kind = data[off+2 : off+3]
		case code == 50 && n == 4:
			requested = data[off+2 : off+6]
		case code == 12:
			host = data[off+2 : off+2+n]
		}
	})
	if kind != nil {
		b = append(b, ", "...)
		b = decode.AppendName(b, dhcpMessageName(uint64(kind[0])), "message ", uint64(kind[0]))
	}
	b = strconv.AppendUint(append(b, ", xid 0x"...), uint64(binary.BigEndian.Uint32(data[4:])), 16)
	for _, a := range [...]struct {
		name string
		addr []byte
	}{{", requested ", requested}, {", client ", data[12:16]}, {", your ", data[16:20]}, {", relay ", data[24:28]}} {
		if len(a.addr) == 4 && !bytes.Equal(a.addr, []byte{0, 0, 0, 0}) {
			b = netip.AddrFrom4([4]byte(a.addr)).AppendTo(append(b, a.name...))
		}
	}
	if host != nil {
		b = decode.AppendQuoted(append(b, ", host "...), host, maxText)
	}
	return b, true
}
