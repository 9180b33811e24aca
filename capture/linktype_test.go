package capture

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestLinkNames compares the names with those of the libpcap that tcpdump uses, as far as that has any.
func TestLinkNames(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tcpdump is required: ", err)
		}
		t.Skip("tcpdump is not installed")
	}
	renamed := map[string]string{"IPMB_LINUX": "I2C_LINUX"} // by libpcap 1.11
	said := regexp.MustCompile(`link-type ([A-Z][A-Z0-9_]+)`)
	file := filepath.Join(t.TempDir(), "empty.pcap")
	compared := 0
	for l := range LinkType(len(linkNames)) {
		if l == 12 || l == 15 || l == 16 || l == 19 || l == 11 { // numbers of systems, and none of files
			continue
		}
		b := binary.LittleEndian.AppendUint32(nil, magicMicro)
		b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(l))
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command("tcpdump", "-n", "-r", file).CombinedOutput() // which names also what it cannot print
		if m := said.FindSubmatch(out); m != nil {
			want := string(m[1])
			if to, ok := renamed[want]; ok {
				want = to
			}
			compared++
			if l.String() != want {
				t.Errorf("%d is %s, for libpcap %s", uint16(l), l, want)
			}
		}
	}
	if compared < 100 {
		t.Errorf("tcpdump named %d link types only", compared)
	}
	if l, ok := LinkTypeOf("DSA_TAG_EDSA"); !ok || l != LinkEDSA {
		t.Errorf("DSA_TAG_EDSA is %v, %v", l, ok)
	}
	if l, ok := LinkTypeOf(""); ok {
		t.Errorf("no name is %v", l)
	}
	if s := LinkType(146 + 300).String(); s != "LINKTYPE_446" {
		t.Errorf("446 is %s", s)
	}
}
