package filter

import (
	"fmt"
	"net/netip"
	"strings"
)

type tokenKind uint8

const (
	tokEOF     tokenKind = iota
	tokKeyword           // text is the keyword's canonical spelling
	tokPunct             // text is the operator's canonical spelling
	tokName              // an identifier, or what follows a backslash
	tokNumber            // num is the value; also the named constants
	tokIPv4              // two to four numbers with dots between
	tokIPv6
	tokMAC
	tokARCnet // $ and one or two hexadecimal digits
)

// token is one word of an expression.
type token struct {
	kind tokenKind
	text string
	num  uint32
	span
}

// keywords maps every spelling to the canonical one. Case matters, as it does in libpcap.
var keywords = func() map[string]string {
	m := map[string]string{
		"ether": "link", "ppp": "link", "slip": "link", "fddi": "link", "tr": "link", "wlan": "link",
		"direction": "dir", "address1": "addr1", "address2": "addr2", "address3": "addr3", "address4": "addr4",
		"es-is": "esis", "is-is": "isis", "not": "!", "length": "len", "on": "ifname", "ruleset": "rset",
		"rulenum": "rnr", "subrulenum": "srnr", "lsu": "lssu",
	}
	for _, w := range strings.Fields(`dst src addr1 addr2 addr3 addr4 ra ta and or len
		host net mask port portrange proto protochain gateway`) {
		m[w] = w
	}
	for w := range protocolWords {
		m[w] = w
	}
	for w := range specialWords {
		m[w] = w
	}
	return m
}()

// constants are the named offsets and values of pcap-filter(7).
var constants = map[string]uint32{
	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5,
	"icmp-echo": 8, "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12,
	"icmp-tstamp": 13, "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17,
	"icmp-maskreply": 18,
	"icmp6type":      0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2,
	"icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4, "icmp6-echo": 128, "icmp6-echoreply": 129,
	"icmp6-multicastlistenerquery": 130, "icmp6-multicastlistenerreportv1": 131, "icmp6-multicastlistenerdone": 132,
	"icmp6-routersolicit": 133, "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136,
	"icmp6-redirect": 137, "icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139,
	"icmp6-nodeinformationresponse": 140, "icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
	"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144, "icmp6-homeagentdiscoveryreply": 145,
	"icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147, "icmp6-certpathsolicit": 148,
	"icmp6-certpathadvert": 149, "icmp6-multicastrouteradvert": 151, "icmp6-multicastroutersolicit": 152,
	"icmp6-multicastrouterterm": 153,
	"tcpflags":                  13, "tcp-fin": 0x01, "tcp-syn": 0x02,
	"tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10, "tcp-urg": 0x20,
	"tcp-ece": 0x40, "tcp-cwr": 0x80,
}

// lex splits the expression into tokens, the last one tokEOF. Where several kinds of token could start
// the longest wins, then the order of the checks below, as in libpcap's scanner.
func lex(expr string) ([]token, error) {
	toks := make([]token, 0, len(expr)/3+2)
	for i := 0; i < len(expr); {
		switch expr[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		}
		t, err := lexOne(expr, i)
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		i = t.end
	}
	return append(toks, token{kind: tokEOF, span: span{len(expr), len(expr)}}), nil
}

func lexOne(expr string, i int) (token, error) {
	s := expr[i:]
	fail := func(n int, format string, args ...any) (token, error) {
		return token{}, syntaxError(expr, span{i, i + n}, "", format, args...)
	}
	switch c := s[0]; {
	case c == '\\':
		n := 1
		for n < len(s) && s[n] > ' ' && s[n] <= '~' && s[n] != '!' && s[n] != '(' && s[n] != ')' {
			n++
		}
		if n == 1 {
			return fail(1, "nothing after the backslash")
		}
		return token{kind: tokName, text: s[1:n], span: span{i, i + n}}, nil
	case c == '$':
		n := 1
		for n < len(s) && n < 3 && isHex(s[n]) {
			n++
		}
		if n == 1 {
			return fail(1, "'$' starts an ARCnet address and needs one or two hexadecimal digits")
		}
		return token{kind: tokARCnet, text: s[:n], span: span{i, i + n}}, nil
	case isAlnum(c) || c == ':':
		if t, err := lexWord(expr, i); err != nil || t.end > 0 {
			return t, err
		}
	}
	if op, n := lexPunct(s); n > 0 {
		return token{kind: tokPunct, text: op, span: span{i, i + n}}, nil
	}
	return fail(1, "unexpected character %s", quote(s[:1]))
}

func lexPunct(s string) (string, int) {
	if len(s) >= 2 {
		switch s[:2] {
		case "&&":
			return "and", 2
		case "||":
			return "or", 2
		case "==":
			return "=", 2
		case ">=", "<=", "!=", "<<", ">>":
			return s[:2], 2
		}
	}
	if strings.IndexByte("+-*/%:[]!<>()&|^=", s[0]) >= 0 {
		return s[:1], 1
	}
	return "", 0
}

// lexWord reads a keyword, name, number or address. A token whose end is 0 means that none starts here.
func lexWord(expr string, i int) (token, error) {
	s := expr[i:]
	name := lenName(s)
	num := lenNumber(s)
	mac := lenMAC(s)
	dotted := lenDotted(s)
	v6, v6ok := lenIPv6(s)
	bad := lenBadEther(s)
	longest := max(name, num, mac, dotted, v6, bad)
	if longest == 0 {
		return token{}, nil
	}
	t := token{span: span{i, i + longest}, text: s[:longest]}
	fail := func(format string, args ...any) (token, error) {
		return token{}, syntaxError(expr, t.span, "", format, args...)
	}
	if longest == name {
		if kw, ok := keywords[t.text]; ok {
			t.kind, t.text = tokKeyword, kw
			return t, nil
		}
	}
	switch longest {
	case mac:
		t.kind = tokMAC
	case num:
		v, err := parseNumber(t.text)
		if err != nil {
			return fail("%v", err)
		}
		t.kind, t.num = tokNumber, v
	case dotted:
		t.kind = tokIPv4
	case v6:
		if !v6ok {
			return fail("invalid IPv6 address %s", quote(t.text))
		}
		t.kind = tokIPv6
	case bad:
		return fail("invalid Ethernet address %s", quote(t.text))
	default:
		if v, ok := constants[t.text]; ok {
			t.kind, t.num = tokNumber, v
			return t, nil
		}
		t.kind = tokName
	}
	return t, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
func isAlnum(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// lenName: letters, digits, '-', '_' and '.', starting with a letter or digit and not ending in '-' or '_'.
func lenName(s string) int {
	n, last := 0, 0
	for n < len(s) && (isAlnum(s[n]) || n > 0 && (s[n] == '-' || s[n] == '_' || s[n] == '.')) {
		n++
		if s[n-1] != '-' && s[n-1] != '_' {
			last = n
		}
	}
	return last
}

func lenNumber(s string) int {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && isHex(s[2]) {
		n := 3
		for n < len(s) && isHex(s[n]) {
			n++
		}
		return n
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// lenDotted: two to four numbers with dots between.
func lenDotted(s string) int {
	n, found := lenNumber(s), 0
	for parts := 1; n > 0 && parts < 4; parts++ {
		if n >= len(s) || s[n] != '.' {
			break
		}
		m := lenNumber(s[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		found = n
	}
	return found
}

// lenMAC: six groups of one or two hexadecimal digits with the same separator, three groups of four
// with dots, or twelve digits.
func lenMAC(s string) int {
	hex := 0
	for hex < len(s) && hex <= 12 && isHex(s[hex]) {
		hex++
	}
	if hex >= 12 {
		return 12
	}
	if hex == 4 {
		if len(s) >= 14 && s[4] == '.' && s[9] == '.' && allHex(s[5:9]) && allHex(s[10:14]) {
			return 14
		}
		return 0
	}
	if hex == 0 || hex > 2 || hex >= len(s) || strings.IndexByte(":-.", s[hex]) < 0 {
		return 0
	}
	sep, n := s[hex], hex
	for range 5 {
		if n >= len(s) || s[n] != sep {
			return 0
		}
		n++
		start := n
		for n < len(s) && n-start < 2 && isHex(s[n]) {
			n++
		}
		if n == start {
			return 0
		}
	}
	return n
}

func allHex(s string) bool {
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// lenIPv6 returns the length of what looks like an IPv6 address and whether it is one.
func lenIPv6(s string) (n int, ok bool) {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	run, colons := 0, 0
	for run < len(s) && run < longest && (isHex(s[run]) || s[run] == ':' || s[run] == '.') {
		if s[run] == ':' {
			colons++
		}
		run++
	}
	if colons < 2 {
		return 0, false
	}
	for n = run; n >= 2; n-- {
		if a, err := netip.ParseAddr(s[:n]); err == nil && a.Is6() {
			// Dotted parts that the parser left over belong to a wrong address.
			if n < len(s) && s[n] == '.' || n < run && strings.Contains(s[n:run], ".") && isDigit(s[n]) {
				return run, false
			}
			return n, true
		}
	}
	if strings.Contains(s[:run], "::") && strings.Contains(s[:run], ".") {
		return run, false
	}
	return 0, false
}

// lenBadEther: two or more groups of one or two hexadecimal digits that each end in colons: an
// Ethernet address with something wrong in it.
func lenBadEther(s string) int {
	n, groups := 0, 0
	for {
		m := n
		for m < len(s) && m-n < 2 && isHex(s[m]) {
			m++
		}
		if m == n || m >= len(s) || s[m] != ':' {
			break
		}
		for m < len(s) && s[m] == ':' {
			m++
		}
		n = m
		groups++
	}
	if groups < 2 {
		return 0
	}
	return n
}

// parseNumber reads a decimal, octal or hexadecimal number of at most 32 bits.
func parseNumber(s string) (uint32, error) {
	base, name, digits := uint64(10), "decimal", s
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		base, name, digits = 16, "hexadecimal", s[2:]
	case len(s) > 1 && s[0] == '0':
		base, name, digits = 8, "octal", s[1:]
	}
	var v uint64
	for i := range len(digits) {
		d := uint64(hexValue(digits[i]))
		if d >= base {
			return 0, fmt.Errorf("number %s has a digit that is not %s", quote(s), name)
		}
		if v = v*base + d; v > 1<<32-1 {
			return 0, fmt.Errorf("%s number %s does not fit 32 bits", name, quote(s))
		}
	}
	return uint32(v), nil
}

func hexValue(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
