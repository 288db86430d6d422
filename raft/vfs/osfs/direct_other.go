//go:build !linux

package osfs

import "os"

// direct is Linux's; elsewhere everything goes through the page cache.
type direct struct{}

func openDirect(*os.Root, string, *os.File) *direct { return nil }

func (*direct) takes([]byte, int64) bool { return false }

func (*direct) writeAt([]byte, int64) (int, bool, error) { return 0, false, os.ErrInvalid }

func (*direct) underWay() bool { return false }

func (*direct) end() ([]byte, int64, error) { return nil, 0, os.ErrInvalid }

func (*direct) refused(error) bool { return true }

func (*direct) close() error { return nil }
