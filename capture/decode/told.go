package decode

import (
	"fmt"
	"strings"
)

// Told says what tells a layer of type t from others, for people: numbers, what carries it, or its bytes. It is empty where
// the layer before says so in a way of its own.
func (t Type) Told() string {
	var told []string
	say := func(what string, numbers []string) {
		const most = 6
		if len(numbers) > most {
			numbers = append(numbers[:most:most], "…")
		}
		if len(numbers) > 0 {
			told = append(told, what+" "+strings.Join(numbers, ", "))
		}
	}
	if t >= numTypes {
		return ""
	}
	var ethers, protocols []string
	for n := range 1 << 16 {
		if etherType(uint16(n)) == t && t != TypePayload {
			ethers = append(ethers, fmt.Sprintf("%#04x", n))
		}
	}
	for n := range 256 {
		if ipProtocols[n] == t && t != TypeNone {
			protocols = append(protocols, fmt.Sprint(n))
		}
	}
	if t < firstApplication {
		say("EtherType", ethers)
		say("IP protocol", protocols)
		return strings.Join(told, "; ")
	}
	a := rowOf[t]
	say("UDP", decimal(a.udp))
	say("TCP", decimal(a.tcp))
	say("SCTP", decimal(a.sctp))
	say("SCTP payload", decimal(a.ppid))
	say("EtherType", ethers)
	say("IP protocol", protocols)
	say("PPP", hexadecimal(a.ppp))
	say("LLC", hexadecimal(a.sap))
	var snaps []string
	for _, n := range a.snap {
		snaps = append(snaps, fmt.Sprintf("%06x %#04x", n>>16, n&0xffff))
	}
	say("SNAP", snaps)
	say("link type", decimal(a.link))
	var in []string
	for _, c := range a.in {
		in = append(in, c.String())
	}
	say("in", in)
	if a.beside != TypeNone {
		told = append(told, "beside "+a.beside.String())
	}
	var where []string
	if a.elsewhere&(datagrams|datagramsFirst) != 0 {
		where = append(where, "datagrams")
	}
	if a.elsewhere&(streams|streamsFirst) != 0 {
		where = append(where, "streams")
	}
	say("its bytes in all", where)
	return strings.Join(told, "; ")
}

func decimal[N ~uint8 | ~uint16 | ~uint32](numbers []N) (list []string) {
	for _, n := range numbers {
		list = append(list, fmt.Sprint(uint64(n)))
	}
	return list
}

func hexadecimal[N ~uint8 | ~uint16](numbers []N) (list []string) {
	for _, n := range numbers {
		list = append(list, fmt.Sprintf("%#x", uint64(n)))
	}
	return list
}
