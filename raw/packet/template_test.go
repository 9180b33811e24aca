package packet_test

import (
	"bytes"
	"fmt"
	"testing"

	"sockwire/raw/packet"
)

func build(t *testing.T, spec string, n uint64) []byte {
	t.Helper()
	template, err := packet.Parse(spec)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	b, _, err := template.Append(nil, nil, n)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return b
}

func ExampleParse() {
	t, err := packet.Parse("ip{src=192.0.2.1, dst=198.51.100.2, id=1, ttl=1..3} / udp{sport=5000, dport=53,123} / hex{0001 0203}")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Count(), "packets")
	b, _, _ := t.Append(nil, nil, 1)
	fmt.Printf("%x\n", b)
	// Output:
	// 6 packets
	// 45000020000100000111cd95c0000201c63364021388007b000cfd9700010203
}

// roundTrip builds, takes apart, writes as an expression and builds again.
func roundTrip(t *testing.T, b []byte, link packet.Layer) {
	t.Helper()
	layers := packet.Dissect(b, link)
	got, err := packet.Append(nil, layers...)
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("dissected to %s\n got %x (%v)\nwant %x", packet.Format(layers), got, err, b)
	}
	spec := packet.Format(layers)
	again, err := packet.Parse(spec)
	if err != nil {
		t.Fatalf("%s: %v\n%x", spec, err, b)
	}
	again.SetSeed(99)
	if got, _, err = again.Append(nil, nil, 0); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%s\n got %x (%v)\nwant %x", spec, got, err, b)
	}
}
