package inject

import (
	"fmt"

	"sockwire/raw/internal/ethtool"
)

// cutsTrains says why a device does not cut trains into packets and write their checksums; nil if it does both. The
// kernel would do it instead, but not for what goes past the queue of the device, and slower than single packets go.
func cutsTrains(device string) error {
	if cuts, err := ethtool.Active(device, "tx-udp-segmentation"); err != nil || !cuts {
		return fmt.Errorf("%s does not cut UDP (tx-udp-segmentation is off)", device)
	}
	for _, feature := range []string{"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"} {
		if sums, err := ethtool.Active(device, feature); err == nil && sums {
			return nil
		}
	}
	return fmt.Errorf("%s does not write checksums (tx-checksum is off)", device)
}
