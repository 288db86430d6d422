package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mountTmpfs mounts a file system of a size until the test ends.
func mountTmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("parley-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting needs privileges: %v", err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

func unmount(t *testing.T, dir string) {
	require.Eventually(t, func() bool { return syscall.Unmount(dir, 0) == nil }, waitMax, testStep)
}

// What is at stake: a leader whose disk is full, and that goes on as if it were not, or takes everybody with it.
func TestALeaderWhoseDiskIsFullStopsAndNothingIsLost(t *testing.T) {
	t.Parallel()
	disk := mountTmpfs(t, "60m")
	c := startTrio(t, disk)
	c.lead(3)
	require.Eventually(t, func() bool { return used(t, disk) >= 2*segmentMiB<<20 }, 2*waitMax, testStep, "an idle log makes its next file")
	l := startLoad(t, c.clients)
	ballast := fill(t, disk)
	large := filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(large, bytes.Repeat([]byte("x"), 5<<20), 0o600))
	out, code := parleyOnce(t, "", c.clients, "--timeout", "5s", "file", "put", "#general", large, "--json")
	require.Zero(t, code, "a majority has room: %s", out)
	burden(t, asAlice(t, strings.Split(c.clients, ",")...))
	require.Equal(t, 1, c.nodes[3].wait())
	c.nodes[3].stderr.await(t, `(?m)^node: the (disk|data directory) failed.*: .*no space left on device`)
	send(t, c.clients, "the others go on")

	again := launch(t, "start", "--dir", c.dirs[3])
	require.Equal(t, 1, again.wait())
	again.stderr.await(t, `is on a full disk: make room, then start again`)
	require.NoError(t, os.Remove(ballast))
	require.NoError(t, syscall.Mount("parley-test", disk, "tmpfs", syscall.MS_REMOUNT, "size=400m"))
	c.back(3)
	l.end(c.clients)
	c.agree()
}

// used is how many bytes of a file system are taken.
func used(t *testing.T, dir string) uint64 {
	t.Helper()
	var s syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &s))
	return (s.Blocks - s.Bfree) * uint64(s.Bsize)
}

// A file system that found an error in itself goes read-only under whoever writes, as ext4 does where it is told errors=remount-ro.
func TestALeaderWhoseDiskGoesReadOnlyStopsAndNothingIsLost(t *testing.T) {
	t.Parallel()
	disk, broken := mountExt4(t)
	c := startTrio(t, disk)
	c.lead(3)
	l := startLoad(t, c.clients)
	broken()
	require.Equal(t, 1, c.nodes[3].wait())
	c.nodes[3].stderr.await(t, `(?m)^node: the (disk|data directory) failed.*: .*read-only file system`)
	send(t, c.clients, "the others go on")
	again := launch(t, "start", "--dir", c.dirs[3])
	require.Equal(t, 1, again.wait())
	again.stderr.await(t, `is on a read-only file system: mount it writable, or choose another --dir`)

	// Somebody has looked after it. What fsck leaves is what was there: the log's own checksums say the rest.
	remount(t, disk)
	c.back(3)
	l.end(c.clients)
	c.agree()
}

// mountExt4 mounts an ext4 of its own; broken makes it find an error.
func mountExt4(t *testing.T) (dir string, broken func()) {
	t.Helper()
	dir = t.TempDir()
	image := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(400<<20))
	require.NoError(t, f.Close())
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 can be made here: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop,errors=remount-ro", image, dir).CombinedOutput(); err != nil {
		t.Skipf("mounting needs privileges and a loop device: %v %s", err, out)
	}
	t.Cleanup(func() { unmount(t, dir) })
	device, err := exec.Command("losetup", "--noheadings", "--output", "NAME", "--associated", image).Output()
	require.NoError(t, err)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(string(bytes.TrimSpace(device))), "trigger_fs_error")
	if _, err := os.Stat(trigger); err != nil {
		t.Skipf("this kernel's ext4 finds no error on demand: %v", err)
	}
	return dir, func() { require.NoError(t, os.WriteFile(trigger, []byte("a test asked for it"), 0o200)) }
}

// remount mounts an ext4 anew.
func remount(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("findmnt", "--noheadings", "--output", "SOURCE", dir).Output()
	require.NoError(t, err)
	device := string(bytes.TrimSpace(out))
	image, err := exec.Command("losetup", "--noheadings", "--output", "BACK-FILE", device).Output()
	require.NoError(t, err)
	unmount(t, dir)
	said, err := exec.Command("mount", "-o", "loop,errors=remount-ro", string(bytes.TrimSpace(image)), dir).CombinedOutput()
	require.NoError(t, err, string(said))
}

// A disk that says no to one write, or to one sync. After a failed sync nothing in memory proves what is on the disk: a node that
// tried again, and was told that all is well, would have acknowledged what is nowhere.
func TestALeaderStopsAtTheFirstErrorOfItsDiskAndNothingIsLost(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"input/output error": syscall.EIO, "read-only file system": syscall.EROFS, "no space left on device": syscall.ENOSPC} {
		for _, op := range []string{"write", "sync"} {
			t.Run(op+": "+name, func(t *testing.T) {
				t.Parallel()
				disk := mountFaultFS(t)
				c := startTrio(t, disk.dir)
				c.lead(3)
				l := startLoad(t, c.clients)
				call := &disk.write
				if op == "sync" {
					call = &disk.sync
				}
				call.Store(int32(errno))
				require.Equal(t, 1, c.nodes[3].wait())
				c.nodes[3].stderr.await(t, `(?m)^node: the (disk|data directory) failed.*: .*`+op+`.*`+name)
				send(t, c.clients, "the others go on")
				call.Store(0)
				c.back(3)
				l.end(c.clients)
				c.agree()
			})
		}
	}
}
