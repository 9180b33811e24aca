package cli_test

import (
	"testing"

	"sockwire/cmd/internal/cli"
)

func TestShortAddress(t *testing.T) {
	for text, want := range map[string]string{"127.1": "127.0.0.1", "0x7f000001": "127.0.0.1", "2130706433": "127.0.0.1", "10.258": "10.0.1.2", "1.2.65535": "1.2.255.255",
		"0": "0.0.0.0", "0xA.0xb.0xC.0xd": "10.11.12.13"} {
		if a, ok, err := cli.ShortAddr(text); !ok || err != nil || a.String() != want {
			t.Errorf("%s: %v, %v, %v", text, a, ok, err)
		}
	}
	for _, text := range []string{"1.2.3.4.5", "host", "1.x", "", "0x", "1..2", "host.1", "-1", "1.2.3.4%eth0"} {
		if a, ok, _ := cli.ShortAddr(text); ok {
			t.Errorf("%q is taken for %v", text, a)
		}
	}
	for _, text := range []string{"010.0.0.1", "1.256.1.1", "4294967296", "1.16777216", "1.2.3.256", "00"} {
		if a, ok, err := cli.ShortAddr(text); !ok || err == nil {
			t.Errorf("%q is taken for %v", text, a)
		}
	}
}
