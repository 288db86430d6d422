// Package restore makes the directory of the first node of a new cluster out of a backup, for the command line of
// whoever has the file: no node need run. What that means is in raft/node.
package restore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"parley/cmd/node/internal/process"
	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs/osfs"
	"parley/statemachine"
)

// Options say what is to be made of what.
type Options struct {
	Path       string // of the backup
	Dir        string // that is to be made; it does not exist, or is empty
	ID         uint64 // of the node
	ClientAddr string // where it is to listen for clients
	PeerAddr   string // where it is to listen for the other nodes
}

// Done is what was made.
type Done struct {
	Report node.RestoreReport
	Dir    string // absolute
}

// Run checks the whole backup, and then makes the directory. After an error there is none.
func Run(o Options) (Done, error) {
	if err := o.check(); err != nil {
		return Done{}, err
	}
	dir, err := process.RealDir(o.Dir)
	if err != nil {
		return Done{}, err
	}
	parent, err := o.open(dir)
	if err != nil {
		return Done{}, err
	}
	defer parent.Close()
	file, err := os.Open(o.Path)
	if err != nil {
		return Done{}, err
	}
	defer file.Close()
	name, data, err := process.Settings{ID: o.ID, ClientAddr: o.ClientAddr, PeerAddr: o.PeerAddr}.Alone()
	if err != nil {
		return Done{}, err
	}
	var secret [32]byte
	rand.Read(secret[:]) // never fails, says its documentation
	r, err := node.PlanRestore(file, node.RestoreOptions{
		Cluster:  raft.ClusterID(draw()),
		Inc:      raft.Incarnation(draw()),
		Secret:   secret,
		Self:     raft.Member{Ident: raft.Ident{ID: raft.NodeID(o.ID)}, ClientAddr: o.ClientAddr, PeerAddr: o.PeerAddr},
		Wall:     raft.Wall(time.Now().UnixNano()),
		Files:    []node.RecoveryFile{{Name: name, Data: data}},
		Machine:  statemachine.New(),
		MaxLevel: process.MaxLevel(),
	})
	if err != nil {
		return Done{}, fmt.Errorf("%s: %w; nothing was written", o.Path, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Done{}, err
	}
	if err := r.Run(parent, filepath.Base(dir), file); err != nil {
		return Done{}, explain(dir, err)
	}
	return Done{Report: r.Report, Dir: dir}, nil
}

// check refuses what no node can be started with.
func (o *Options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("--dir is missing: name a directory that does not exist yet")
	case o.ID == 0:
		return errors.New("--id 0: ids start at 1")
	}
	for _, a := range [...]struct{ flag, addr string }{{"--client-addr", o.ClientAddr}, {"--peer-addr", o.PeerAddr}} {
		if _, port, err := net.SplitHostPort(a.addr); err != nil || port == "" {
			return fmt.Errorf("%s: %q is not HOST:PORT; write for example 127.0.0.1:50051", a.flag, a.addr)
		}
	}
	return nil
}

// open returns the file system that the directory is to be in. Its parent must be there: a typing error is to make no
// path of directories.
func (o *Options) open(dir string) (*osfs.FS, error) {
	if dir == filepath.Dir(dir) {
		return nil, fmt.Errorf("%s can't be a data directory", dir)
	}
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no directory %s for it to be in: make it first", filepath.Dir(dir))
	}
	parent, err := osfs.New(filepath.Dir(dir))
	if err != nil {
		return nil, explain(dir, err)
	}
	if err := node.CheckVacant(parent, filepath.Base(dir)); err != nil {
		return nil, errors.Join(explain(dir, err), parent.Close())
	}
	return parent, nil
}

// explain says what to do about an error of the directory.
func explain(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EXDEV):
		return fmt.Errorf("%s can't be renamed (%w): if a volume is mounted there, name a directory within it", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the directory that %s is in must be writable for this user: %w", dir, err)
	}
	return process.DirError(dir, err)
}

// draw returns a random number that is not zero.
func draw() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails, says its documentation
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
