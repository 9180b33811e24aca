package filter

import (
	"fmt"
	"strconv"

	"golang.org/x/net/bpf"
)

// ListingForm is how a program is listed.
type ListingForm int

// Listing forms, as tcpdump's -d, -dd and -ddd print them.
const (
	ListAssembly ListingForm = 1 // one line of assembly for each instruction
	ListC        ListingForm = 2 // a C array initialiser
	ListDecimal  ListingForm = 3 // the count, then four decimal numbers for each instruction
)

// AppendListing appends the program in one of the forms, each line ended by a newline.
func (p Program) AppendListing(b []byte, form ListingForm) []byte {
	raw := p.raw
	if len(raw) == 0 {
		raw = []bpf.RawInstruction{{Op: opRET | srcK, K: DefaultSnaplen}}
	}
	if form == ListDecimal {
		b = append(strconv.AppendInt(b, int64(len(raw)), 10), '\n')
	}
	for i, r := range raw {
		switch form {
		case ListC:
			b = fmt.Appendf(b, "{ 0x%x, %d, %d, 0x%08x },\n", r.Op, r.Jt, r.Jf, r.K)
		case ListDecimal:
			b = fmt.Appendf(b, "%d %d %d %d\n", r.Op, r.Jt, r.Jf, r.K)
		default:
			b = appendAssembly(b, i, r)
		}
	}
	return b
}

var extNames = map[uint32]string{
	extProtocol: "proto", extPktType: "type", extIfindex: "ifidx",
	extNLAttr: "nla", extNLAttrNest: "nlan", extMark: "mark",
	extQueue: "queue", extHatype: "hatype", extRxhash: "rxhash", extCPU: "cpu", extXorX: "xor_x", extVLANTag: "vlan_tci",
	extVLANPresent: "vlanp", extPayOffset: "poff", extRandom: "rand", extVLANTPID: "vlan_tpid",
}

var aluNames = map[uint16]string{aluADD: "add", aluSUB: "sub", aluMUL: "mul", aluDIV: "div", aluMOD: "mod",
	aluAND: "and", aluOR: "or", aluXOR: "xor", aluLSH: "lsh", aluRSH: "rsh"}

var jumpNames = map[uint16]string{jmpJEQ: "jeq", jmpJGT: "jgt", jmpJGE: "jge", jmpJSET: "jset"}

func appendAssembly(b []byte, i int, r bpf.RawInstruction) []byte {
	name, arg := disassemble(i, r)
	class := r.Op & 7
	if class != opJMP || r.Op == opJMP|jmpJA {
		if arg == "" {
			return fmt.Appendf(b, "(%03d) %s\n", i, name)
		}
		return fmt.Appendf(b, "(%03d) %-8s %s\n", i, name, arg)
	}
	return fmt.Appendf(b, "(%03d) %-8s %-16s jt %d\tjf %d\n", i, name, arg, i+1+int(r.Jt), i+1+int(r.Jf))
}

// disassemble returns the mnemonic and the operand.
func disassemble(i int, r bpf.RawInstruction) (name, arg string) {
	size := map[uint16]string{sizeW: "", sizeH: "h", sizeB: "b"}[r.Op&0x18]
	operand := func(hex string) string {
		if r.Op&srcX != 0 {
			return "x"
		}
		return fmt.Sprintf("#"+hex, r.K)
	}
	switch r.Op & 7 {
	case opLD:
		switch r.Op & 0xe0 {
		case modeABS:
			if n := extNames[r.K]; n != "" {
				return "ld" + size, "[" + n + "]"
			}
			return "ld" + size, fmt.Sprintf("[%d]", r.K)
		case modeIND:
			return "ld" + size, fmt.Sprintf("[x + %d]", r.K)
		case modeLEN:
			return "ld", "#pktlen"
		case modeMEM:
			return "ld", fmt.Sprintf("M[%d]", r.K)
		}
		return "ld", fmt.Sprintf("#%#x", r.K)
	case opLDX:
		switch r.Op & 0xe0 {
		case modeMSH:
			return "ldxb", fmt.Sprintf("4*([%d]&0xf)", r.K)
		case modeLEN:
			return "ldx", "#pktlen"
		case modeMEM:
			return "ldx", fmt.Sprintf("M[%d]", r.K)
		}
		return "ldx", fmt.Sprintf("#%#x", r.K)
	case opST:
		return "st", fmt.Sprintf("M[%d]", r.K)
	case opSTX:
		return "stx", fmt.Sprintf("M[%d]", r.K)
	case opRET:
		if r.Op&0x18 == retA {
			return "ret", "a"
		}
		return "ret", fmt.Sprintf("#%d", r.K)
	case opMISC:
		if r.Op&miscTXA != 0 {
			return "txa", ""
		}
		return "tax", ""
	case opJMP:
		if r.Op == opJMP|jmpJA {
			return "ja", strconv.Itoa(i + 1 + int(r.K))
		}
		return jumpNames[r.Op&0xf0], operand("%#x")
	}
	if r.Op&0xf0 == aluNEG {
		return "neg", ""
	}
	hex := "%d"
	if op := r.Op & 0xf0; op == aluAND || op == aluOR || op == aluXOR {
		hex = "%#x"
	}
	return aluNames[r.Op&0xf0], operand(hex)
}
