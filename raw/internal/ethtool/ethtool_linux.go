// Package ethtool asks network devices what they do for the network stack (linux/ethtool.h).
package ethtool

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxFeatures is the most features of a device that are known of; Linux 6.18 has about half.
const MaxFeatures = 128

const (
	setFeatures   = 4  // ETH_SS_FEATURES
	ethGstringLen = 32 // ETH_GSTRING_LEN
)

// Do does one request on a device of the calling thread's network namespace, and returns what the ioctl returned.
func Do(ifname string, request unsafe.Pointer) (result int, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var ifr struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}
	copy(ifr.name[:unix.IFNAMSIZ-1], ifname)
	ifr.data = request
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr)))
	if errno != 0 {
		return 0, fmt.Errorf("ethtool %s: %w", ifname, errno)
	}
	return int(r), nil
}

// Features returns the names of a device's features, as ethtool -k prints them, by their bit.
func Features(ifname string) ([]string, error) {
	var count struct { // struct ethtool_sset_info
		cmd, _ uint32
		mask   uint64
		count  uint32
	}
	count.cmd, count.mask = unix.ETHTOOL_GSSET_INFO, 1<<setFeatures
	if _, err := Do(ifname, unsafe.Pointer(&count)); err != nil {
		return nil, err
	}
	if count.count > MaxFeatures {
		return nil, fmt.Errorf("ethtool %s: %d features, at most %d are known", ifname, count.count, MaxFeatures)
	}
	var request struct { // struct ethtool_gstrings
		cmd, set, count uint32
		names           [MaxFeatures][ethGstringLen]byte
	}
	request.cmd, request.set, request.count = unix.ETHTOOL_GSTRINGS, setFeatures, count.count
	if _, err := Do(ifname, unsafe.Pointer(&request)); err != nil {
		return nil, err
	}
	names := make([]string, count.count)
	for i := range names {
		name, _, _ := bytes.Cut(request.names[i][:], []byte{0})
		names[i] = string(name)
	}
	return names, nil
}

// Active reports whether a device has a feature switched on.
func Active(ifname, feature string) (bool, error) {
	names, err := Features(ifname)
	if err != nil {
		return false, err
	}
	i := slices.Index(names, feature)
	if i < 0 {
		return false, nil
	}
	type block struct{ available, requested, active, neverChanged uint32 }
	var request struct { // struct ethtool_gfeatures
		cmd, size uint32
		blocks    [MaxFeatures / 32]block
	}
	request.cmd, request.size = unix.ETHTOOL_GFEATURES, uint32(len(names)+31)/32
	if _, err := Do(ifname, unsafe.Pointer(&request)); err != nil {
		return false, err
	}
	return request.blocks[i/32].active>>(i%32)&1 != 0, nil
}
