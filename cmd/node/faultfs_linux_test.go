package main

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"
)

// faultFS is a directory on a disk that fails when it is told to: the kernel asks this process about each write and sync. What it
// does not refuse lands in a directory of an ordinary disk.
type faultFS struct {
	dir         string
	write, sync atomic.Int32 // the errno that each of them ends with, 0 if it is done
}

// mountFaultFS mounts one until the test ends.
func mountFaultFS(t *testing.T) *faultFS {
	t.Helper()
	f := &faultFS{dir: t.TempDir()}
	root := &fs.LoopbackRoot{Path: t.TempDir()}
	root.RootNode = &faultNode{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: f}
	server, err := fs.Mount(f.dir, root.RootNode, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true}})
	if err != nil {
		t.Skipf("mounting needs privileges and FUSE: %v", err)
	}
	t.Cleanup(func() { // processes that still have files there were killed before
		require.Eventually(t, func() bool { return server.Unmount() == nil }, waitMax, testStep)
	})
	return f
}

// faultNode is a file or a directory of a faultFS.
type faultNode struct {
	fs.LoopbackNode
	disk *faultFS
}

// WrapChild makes what is found in a directory a part of the same disk.
func (n *faultNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, disk: n.disk}
}

// Open returns a file whose every write comes by here.
func (n *faultNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	return faultFile{f}, fuseFlags, errno
}

// Create is Open for a file that is new.
func (n *faultNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, f, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, faultFile{f}, fuseFlags, errno
}

// faultFile is an open file. It hides what would let the kernel write to the ordinary disk without asking.
type faultFile struct{ f fs.FileHandle }

func (f faultFile) Read(ctx context.Context, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return f.f.(fs.FileReader).Read(ctx, p, off)
}

func (f faultFile) Flush(ctx context.Context) syscall.Errno { return f.f.(fs.FileFlusher).Flush(ctx) }
func (f faultFile) Release(ctx context.Context) syscall.Errno {
	return f.f.(fs.FileReleaser).Release(ctx)
}

// Write is what write and pwrite come to.
func (n *faultNode) Write(ctx context.Context, f fs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	if e := n.disk.write.Load(); e != 0 {
		return 0, syscall.Errno(e)
	}
	return f.(faultFile).f.(fs.FileWriter).Write(ctx, p, off)
}

// Fsync is what fsync and fdatasync of a file come to.
func (n *faultNode) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if e := n.disk.sync.Load(); e != 0 {
		return syscall.Errno(e)
	}
	return f.(faultFile).f.(fs.FileFsyncer).Fsync(ctx, flags)
}

// Allocate reserves room, which is a write.
func (n *faultNode) Allocate(ctx context.Context, f fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if e := n.disk.write.Load(); e != 0 {
		return syscall.Errno(e)
	}
	return f.(faultFile).f.(fs.FileAllocater).Allocate(ctx, off, size, mode)
}
