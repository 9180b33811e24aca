package table

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"

	"sockwire/raw/wire"
)

// counterparts are the types of ICMP messages that ask, and those that answer, by the Community ID.
var counterparts = [2]map[uint16]uint16{
	{8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 10: 9, 9: 10, 17: 18, 18: 17},
	{128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144, 139: 140, 140: 139},
}

// icmpPorts returns what a flow of ICMP has for ports, and whether it has one direction only: type and code, or of a
// message that asks or answers, its type and that of the other.
func icmpPorts(six bool, typ, code uint8) (src, dst uint16, oneWay bool) {
	version := 0
	if six {
		version = 1
	}
	if other, ok := counterparts[version][uint16(typ)]; ok {
		return uint16(typ), other, false
	}
	return uint16(typ), uint16(code), true
}

// CommunityID returns the Community ID, version 1 with seed 0, of a flow: the same for both directions and in every
// tool. Ports count for TCP, UDP, SCTP and ICMP; of ICMP they are type and counterpart, or where there is none, type
// and code, and then oneWay tells that the ends are not to be exchanged.
func CommunityID(protocol uint8, src, dst netip.AddrPort, oneWay bool) string {
	a, b := src.Addr().Unmap().AsSlice(), dst.Addr().Unmap().AsSlice()
	p, q := src.Port(), dst.Port()
	if n := bytes.Compare(a, b); !oneWay && (n > 0 || n == 0 && p > q) {
		a, b, p, q = b, a, q, p
	}
	text := make([]byte, 2, 40)
	text = append(append(append(text, a...), b...), protocol, 0)
	switch protocol {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoSCTP, wire.ProtoICMP, wire.ProtoICMPv6:
		text = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(text, p), q)
	}
	sum := sha1.Sum(text)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
