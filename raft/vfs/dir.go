package vfs

import "strings"

// Parent returns the directory that a directory is in.
func Parent(dir string) string {
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		return dir[:i]
	}
	return "."
}

// Base returns the name of a file without its directory.
func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// EnterDir makes a directory, durably, and lists it. An empty one is made again: it may be left from a start whose sync
// of the parent failed, and would be lost for good. One that has files is durable: the first file came after the
// sync.
func EnterDir(fs FS, dir string) ([]string, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	names, err := fs.List(dir)
	if err != nil || len(names) > 0 || dir == "." {
		return names, err
	}
	if err := fs.Remove(dir); err != nil {
		return nil, err
	}
	if err := fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	return nil, fs.SyncDir(Parent(dir))
}
