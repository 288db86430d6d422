package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAReadOnlyDirectoryIsAClearError(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("parley-test", dir, "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("mounting needs privileges: %v", err)
	}
	defer func() { require.NoError(t, syscall.Unmount(dir, 0)) }()
	addrs := free(t, 3) // the default ones may be somebody's, of which there would be a line, too
	args := []string{"start", "--id", "1", "--dir", filepath.Join(dir, "node-1"), "--client-addr", addrs[0], "--peer-addr", addrs[1], "--cluster", "1=" + addrs[1], "--http-addr", addrs[2]}
	dev := []string{"dev", "--dir", filepath.Join(dir, "data"), "--client-port", "0", "--peer-port", "0", "--llm-port", "0", "--http-port", "0"}
	for _, args := range [][]string{args, append(args, "--check"), dev} {
		_, stderr, code := node(args...)
		require.Equal(t, 1, code)
		require.Regexp(t, `^node: \S+ is on a read-only file system: mount it writable, or choose another --dir\n$`, stderr)
	}
}
