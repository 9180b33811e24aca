package packet

import "sockwire/raw/wire"

// optionKind describes an element of an options list, such as mss{1460}: its type and how its data are laid out.
type optionKind struct {
	typ    uint8
	ctype  uint8 // of an ICMP extension object
	single bool  // one byte, without length and data
	fixed  int   // bytes of data at least
	fields []optionField
}

// optionField is a part of an option's data.
type optionField struct {
	name        string
	offset      int
	bytes       int // 0: all the rest, as bytes; -4 and -16: a list of addresses to the end
	shift, bits int // of a field smaller than its bytes
	addr        bool
	mac         bool
	names       map[string]uint64
}

var ip4Options = map[string]optionKind{
	"eol":  {typ: wire.IPv4OptionEnd, single: true},
	"nop":  {typ: wire.IPv4OptionNop, single: true},
	"rr":   {typ: wire.IPv4OptionRecordRoute, fixed: 1, fields: []optionField{{name: "ptr", bytes: 1}, {name: "addrs", offset: 1, bytes: -4}}},
	"lsrr": {typ: wire.IPv4OptionLSRR, fixed: 1, fields: []optionField{{name: "ptr", bytes: 1}, {name: "addrs", offset: 1, bytes: -4}}},
	"ssrr": {typ: wire.IPv4OptionSSRR, fixed: 1, fields: []optionField{{name: "ptr", bytes: 1}, {name: "addrs", offset: 1, bytes: -4}}},
	"ts": {typ: wire.IPv4OptionTimestamp, fixed: 2, fields: []optionField{{name: "ptr", bytes: 1}, {name: "oflw", offset: 1, bytes: 1, shift: 4, bits: 4},
		{name: "flag", offset: 1, bytes: 1, bits: 4}, {name: "data", offset: 2}}},
	"sec": {typ: 130, fields: []optionField{{name: "data"}}},
	"sid": {typ: 136, fixed: 2, fields: []optionField{{name: "id", bytes: 2}}},
	"ra":  {typ: wire.IPv4OptionRouterAlert, fixed: 2, fields: []optionField{{name: "value", bytes: 2}}},
}

var tcpOptions = map[string]optionKind{
	"eol":    {typ: wire.TCPOptionEnd, single: true},
	"nop":    {typ: wire.TCPOptionNop, single: true},
	"mss":    {typ: wire.TCPOptionMSS, fixed: 2, fields: []optionField{{name: "value", bytes: 2}}},
	"wscale": {typ: wire.TCPOptionWindowScale, fixed: 1, fields: []optionField{{name: "shift", bytes: 1}}},
	"sackok": {typ: wire.TCPOptionSACKPermitted},
	"sack": {typ: wire.TCPOptionSACK, fields: []optionField{{name: "left", bytes: 4}, {name: "right", offset: 4, bytes: 4}, {name: "left2", offset: 8, bytes: 4},
		{name: "right2", offset: 12, bytes: 4}, {name: "left3", offset: 16, bytes: 4}, {name: "right3", offset: 20, bytes: 4},
		{name: "left4", offset: 24, bytes: 4}, {name: "right4", offset: 28, bytes: 4}}},
	"ts":    {typ: wire.TCPOptionTimestamps, fixed: 8, fields: []optionField{{name: "val", bytes: 4}, {name: "ecr", offset: 4, bytes: 4}}},
	"md5":   {typ: wire.TCPOptionMD5, fields: []optionField{{name: "digest"}}},
	"uto":   {typ: wire.TCPOptionUserTimeout, fixed: 2, fields: []optionField{{name: "minutes", bytes: 2, shift: 15, bits: 1}, {name: "timeout", bytes: 2, bits: 15}}},
	"ao":    {typ: wire.TCPOptionAO, fixed: 2, fields: []optionField{{name: "keyid", bytes: 1}, {name: "rnextkeyid", offset: 1, bytes: 1}, {name: "mac", offset: 2}}},
	"mptcp": {typ: wire.TCPOptionMPTCP, fields: []optionField{{name: "data"}}},
	"tfo":   {typ: wire.TCPOptionFastOpen, fields: []optionField{{name: "cookie"}}},
}

var ip6Options = map[string]optionKind{
	"pad1":     {typ: wire.IPv6OptionPad1, single: true},
	"padn":     {typ: wire.IPv6OptionPadN, fields: []optionField{{name: "data"}}},
	"ra":       {typ: wire.IPv6OptionRouterAlert, fixed: 2, fields: []optionField{{name: "value", bytes: 2}}},
	"jumbo":    {typ: wire.IPv6OptionJumbo, fixed: 4, fields: []optionField{{name: "len", bytes: 4}}},
	"homeaddr": {typ: wire.IPv6OptionHomeAddress, fixed: 16, fields: []optionField{{name: "addr", bytes: 16, addr: true}}},
	"tunlimit": {typ: 4, fixed: 1, fields: []optionField{{name: "limit", bytes: 1}}},
}

var ndOptions = map[string]optionKind{
	"slla": {typ: wire.NDOptionSourceLinkAddr, fixed: 6, fields: []optionField{{name: "addr", bytes: 6, mac: true}}},
	"tlla": {typ: wire.NDOptionTargetLinkAddr, fixed: 6, fields: []optionField{{name: "addr", bytes: 6, mac: true}}},
	"prefix": {typ: wire.NDOptionPrefixInfo, fixed: 30, fields: []optionField{{name: "plen", bytes: 1}, {name: "flags", offset: 1, bytes: 1},
		{name: "valid", offset: 2, bytes: 4}, {name: "preferred", offset: 6, bytes: 4}, {name: "res", offset: 10, bytes: 4},
		{name: "prefix", offset: 14, bytes: 16, addr: true}}},
	"redirected": {typ: wire.NDOptionRedirected, fixed: 6, fields: []optionField{{name: "packet", offset: 6}}},
	"mtu":        {typ: wire.NDOptionMTU, fixed: 6, fields: []optionField{{name: "res", bytes: 2}, {name: "mtu", offset: 2, bytes: 4}}},
	"nonce":      {typ: 14, fields: []optionField{{name: "data"}}},
	"rdnss":      {typ: wire.NDOptionRDNSS, fixed: 6, fields: []optionField{{name: "lifetime", offset: 2, bytes: 4}, {name: "addrs", offset: 6, bytes: -16}}},
	"interval":   {typ: 7, fixed: 6, fields: []optionField{{name: "res", bytes: 2}, {name: "interval", offset: 2, bytes: 4}}},
	"homeagent":  {typ: 8, fixed: 6, fields: []optionField{{name: "res", bytes: 2}, {name: "preference", offset: 2, bytes: 2}, {name: "lifetime", offset: 4, bytes: 2}}},
	"cga":        {typ: 11, fields: []optionField{{name: "data"}}},
	"rsa":        {typ: 12, fields: []optionField{{name: "data"}}},
	"timestamp":  {typ: 13, fixed: 14, fields: []optionField{{name: "time", offset: 6, bytes: 8}}},
	"route": {typ: 24, fixed: 6, fields: []optionField{{name: "plen", bytes: 1}, {name: "flags", offset: 1, bytes: 1}, {name: "lifetime", offset: 2, bytes: 4},
		{name: "prefix", offset: 6, bytes: 16, addr: true}}},
	"raflags": {typ: 26, fixed: 6, fields: []optionField{{name: "flags", bytes: 6}}},
	"captive": {typ: 37, fields: []optionField{{name: "uri"}}},
	"pref64": {typ: 38, fixed: 14, fields: []optionField{{name: "lifetime", bytes: 2, shift: 3, bits: 13}, {name: "plc", bytes: 2, bits: 3},
		{name: "prefix", offset: 2}}},
	"dnssl": {typ: 31, fixed: 6, fields: []optionField{{name: "lifetime", offset: 2, bytes: 4}, {name: "names", offset: 6}}},
}

var icmpObjects = map[string]optionKind{
	"mpls": {typ: 1, ctype: 1, fixed: 4, fields: []optionField{{name: "label", bytes: 4, shift: 12, bits: 20}, {name: "tc", bytes: 4, shift: 9, bits: 3},
		{name: "s", bytes: 4, shift: 8, bits: 1}, {name: "ttl", bytes: 4, bits: 8}}},
}
