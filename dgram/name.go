package dgram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// isPath tells whether the name of a Unix socket is that of a file.
func isPath(name string) bool { return name != "" && !strings.HasPrefix(name, "@") }

// listenUnix is lc.ListenPacket; with Config.ReplaceStale it takes the place of a socket that nobody has open.
func listenUnix(ctx context.Context, lc *net.ListenConfig, network, name string, cfg *Config) (net.PacketConn, error) {
	pc, err := lc.ListenPacket(ctx, network, name)
	if !cfg.ReplaceStale || !isPath(name) || !errors.Is(err, syscall.EADDRINUSE) || !stale(name) {
		return pc, err
	}
	if err := os.Remove(name); err != nil {
		return nil, fmt.Errorf("replace a stale socket: %w", err)
	}
	return lc.ListenPacket(ctx, network, name)
}

// isSocket tells whether a path is a socket's, and not a link to one: connect answers ECONNREFUSED for any file.
func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

// stale tells whether a path is a socket that nobody has open.
func stale(path string) bool {
	if !isSocket(path) {
		return false
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// socketFile is the file that a Unix socket was bound to. The zero value is none.
type socketFile struct {
	path string
	info os.FileInfo
}

// newSocketFile is the file behind a name, if there is one.
func newSocketFile(network, name string) socketFile {
	if !isUnix(network) || !isPath(name) {
		return socketFile{}
	}
	info, err := os.Lstat(name)
	if err != nil {
		return socketFile{}
	}
	return socketFile{name, info}
}

// remove removes the file, unless it is another by now.
func (f socketFile) remove() error {
	if f.path == "" {
		return nil
	}
	if info, err := os.Lstat(f.path); err != nil || !os.SameFile(info, f.info) {
		return nil
	}
	return os.Remove(f.path)
}
