// Package recovery makes the directory of a survivor the start of a new cluster, after the loss of the majority. What
// that means is in raft/node; here it is told to an operator, who must confirm it.
package recovery

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/process"
	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/statemachine"
)

// Options is what the command line says.
type Options struct {
	Dir          string
	Yes          bool // it was confirmed
	AcceptDamage bool // entries that the disk lost are given up
}

// Terminal is who can be asked.
type Terminal struct {
	In  io.Reader // nil: nobody can
	Out io.Writer
}

// ErrNotConfirmed is returned after a report that nobody confirmed.
var ErrNotConfirmed = errors.New("nothing was changed")

// Run prints what may be lost, has it confirmed, and does it.
func Run(ctx context.Context, o Options, stdout io.Writer, ask Terminal) error {
	if o.Dir == "" {
		return usage.Errorf("--dir is missing: name the survivor's data directory")
	}
	dir, parent, err := open(o.Dir)
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(dir)
	if node.RecoveryInterrupted(parent, name) {
		return finish(parent, dir, stdout)
	}
	if pid, alive := process.Running(filepath.Join(dir, "pid")); alive {
		return &process.InUseError{Dir: dir, Pid: pid}
	}
	files, err := settings(dir)
	if err != nil {
		return err
	}
	r, err := node.PlanRecovery(parent, name, node.RecoveryOptions{
		Cluster:      raft.ClusterID(draw()),
		Inc:          raft.Incarnation(draw()),
		Wall:         raft.Wall(time.Now().UnixNano()),
		AcceptDamage: o.AcceptDamage,
		Files:        files,
		Machine:      statemachine.New(),
		MaxLevel:     process.MaxLevel(),
		Secret:       secret(),
	})
	if r != nil {
		defer r.Close()
		if err := tell(stdout, dir, &r.Report); err != nil { // who can't read what is lost confirms nothing, with --yes either
			return fmt.Errorf("%w: the report could not be written: %w", ErrNotConfirmed, err)
		}
	}
	if _, lost := errors.AsType[*node.RecoveryLossError](err); lost {
		return fmt.Errorf("%w (%w; --accept-damage accepts it)", ErrNotConfirmed, err)
	}
	if err != nil {
		return explain(dir, err)
	}
	if err := confirm(ctx, o, &r.Report, ask); err != nil {
		return err
	}
	kept, err := r.Run()
	if err != nil {
		return explain(dir, err)
	}
	done(stdout, dir, filepath.Join(filepath.Dir(dir), kept), &r.Report.New)
	return nil
}

// open returns the directory as an absolute path without symbolic links, and the file system that it is renamed in.
func open(given string) (dir string, parent *osfs.FS, err error) {
	if dir, err = process.RealDir(given); err != nil {
		return "", nil, err
	}
	if dir == filepath.Dir(dir) {
		return "", nil, fmt.Errorf("%s can't be a data directory", dir)
	}
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || !info.IsDir() {
		return "", nil, explain(dir, node.ErrNoDirectory)
	}
	if parent, err = osfs.New(filepath.Dir(dir)); err != nil {
		return "", nil, explain(dir, err)
	}
	return dir, parent, nil
}

// settings is the settings file of the new cluster's only member, and the secret that it has, which nodes that are added need.
func settings(dir string) ([]node.RecoveryFile, error) {
	s, err := process.Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the next start will ask for all flags
	}
	if err != nil {
		return nil, err
	}
	name, data, err := s.Alone()
	files := []node.RecoveryFile{{Name: name, Data: data}}
	if secret, there, err := process.Secret(dir); err != nil {
		return nil, err
	} else if there {
		files = append(files, secret)
	}
	return files, err
}

// confirm asks whoever is there to type the id of the cluster that is given up.
func confirm(ctx context.Context, o Options, p *node.RecoveryReport, ask Terminal) error {
	switch {
	case o.Yes:
		return nil
	case ask.In == nil:
		return fmt.Errorf("%w: nobody can be asked here; to go on, repeat the command with --yes", ErrNotConfirmed)
	}
	fmt.Fprintf(ask.Out, "To give up cluster %v and go on with this directory, type the cluster's id: ", p.Old.Cluster)
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(ask.In).ReadString('\n') // an end is an answer, too
		line <- strings.TrimSpace(text)
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: interrupted", ErrNotConfirmed)
	case text := <-line:
		if text != p.Old.Cluster.String() {
			return fmt.Errorf("%w: %q is not the cluster's id", ErrNotConfirmed, text)
		}
	}
	return nil
}

// finish does what a recovery could not do any more that was confirmed.
func finish(parent *osfs.FS, dir string, stdout io.Writer) error {
	id, err := node.FinishRecovery(parent, filepath.Base(dir))
	if err != nil {
		return explain(dir, err)
	}
	fmt.Fprintf(stdout, "A recovery of %s had been interrupted after it was confirmed; it is complete now.\n", dir)
	done(stdout, dir, dir+".before-recovery-*", &id)
	return nil
}

// explain says what to do about an error.
func explain(dir string, err error) error {
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return &process.InUseError{Dir: dir}
	case errors.Is(err, node.ErrNoDirectory):
		return fmt.Errorf("there is no directory %s: name the survivor's data directory", dir)
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EXDEV):
		return fmt.Errorf("%s can't be renamed (%w): if a volume is mounted there, mount it so that the directory lies within it, and repeat", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s and its parent directory must be writable for this user: %w", dir, err)
	}
	return process.DirError(dir, err)
}

// secret returns what the tokens of the new cluster are signed with.
func secret() (s [32]byte) {
	rand.Read(s[:]) // never fails, says its documentation
	return s
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
