package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parley/cmd/internal/heap"
	"parley/cmd/observe/build"
	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
	"parley/rpc/peer"
	"parley/rpc/server"
	"parley/statemachine"
)

// stopMax bounds a clean stop. What is not stored by then was not acknowledged.
const stopMax = 5 * time.Second

// Run runs the node until ctx ends, which is a clean stop and no error, or until
// it can't go on.
func Run(ctx context.Context, f Flags, stderr io.Writer) error {
	s, saved, err := Resolve(f)
	if err != nil {
		return err
	}
	heap.Reserve(1)
	log, level := s.Observe.logger(stderr)
	w, err := newWatch(s, log)
	if err != nil {
		return err
	}
	defer w.close()
	p, err := prepare(s, f, true, log, w)
	if err != nil {
		return err
	}
	defer p.release()
	w.serve(p.watchers, s.Observe, log, level)
	if saved {
		if err := p.intact(f.Dir); err != nil {
			return err
		}
	}
	if s.leaseEnds() {
		select {
		case <-time.After(raft.DefaultElectionTimeout):
		case <-ctx.Done():
			return nil
		}
	}
	if err := p.start(s, f.Dir, log); err != nil {
		return err
	}
	if !saved || s.changed() {
		if err := s.save(f.Dir); err != nil {
			return errors.Join(fmt.Errorf("save settings: %w", dirError(f.Dir, err)), p.stop())
		}
	}
	if err := p.guards.found.keep(f.Dir); err != nil {
		return errors.Join(fmt.Errorf("keep the cluster's secret: %w", dirError(f.Dir, err)), p.stop())
	}
	if err := tighten(f.Dir, log); err != nil {
		return errors.Join(err, p.stop())
	}
	p.guards.tell(s, f.Dir, log)
	log.Info("node is up", append([]any{"node", s.ID, "clients", s.ClientAddr, "peers", s.PeerAddr, "dir", f.Dir, "version", Version()}, p.watchers.addrs()...)...)
	if s.Join && p.host.Status().Cluster == 0 {
		log.Info("waiting to be added", "command", fmt.Sprintf("parley cluster add --id %d --peer-addr %s --client-addr %s", s.ID, s.PeerAddr, s.ClientAddr))
	}
	return p.serve(ctx, log)
}

// process is what a running node holds.
type process struct {
	guards   guards
	peers    *peer.Transport
	clients  net.Listener
	watchers watchers
	watch    *watch
	connects int // connections of clients, at most
	pid      *PidFile
	host     *host.Host
	server   *server.Server
}

// prepare takes what others may hold, ports first: they are the most common trouble, and
// taking them changes nothing. But if the directory's own process holds them, that is what must be said.
func prepare(s Settings, f Flags, make bool, log *slog.Logger, w *watch) (*process, error) {
	connects, err := clientsMax()
	if err != nil {
		return nil, err
	}
	g, err := openGuards(s, f, make)
	if err != nil {
		return nil, err
	}
	claimed := filepath.Join(f.Dir, "pid")
	if pid, alive := Running(claimed); alive {
		return nil, &InUseError{Dir: f.Dir, Pid: pid}
	}
	peers, clients, watchers, err := listen(s, g, log, w)
	if err != nil {
		return nil, err
	}
	p := &process{guards: g, peers: peers, clients: clients, watchers: watchers, watch: w, connects: connects}
	if err := MakeDir(f.Dir); err != nil {
		p.release()
		return nil, err
	}
	if p.pid, err = Claim(claimed); err != nil {
		p.release()
		return nil, dirError(f.Dir, err)
	}
	return p, nil
}

func listen(s Settings, g guards, log *slog.Logger, w *watch) (*peer.Transport, net.Listener, watchers, error) {
	wire, err := s.Wire.transport()
	if err != nil {
		return nil, nil, watchers{}, err
	}
	options := peer.Options{Wire: wire, Logger: log, Security: g.peers()}
	w.peers(&options)
	peers, err := peer.Listen(s.PeerAddr, options)
	if err != nil {
		return nil, nil, watchers{}, listenError("--peer-addr", s.PeerAddr, err)
	}
	clients, err := net.Listen("tcp", s.ClientAddr)
	if err != nil {
		_ = peers.Close()
		return nil, nil, watchers{}, listenError("--client-addr", s.ClientAddr, err)
	}
	at, err := s.Observe.listen(log)
	if err != nil {
		_, _ = peers.Close(), clients.Close()
		return nil, nil, watchers{}, err
	}
	return peers, clients, at, nil
}

// release gives back what prepare took; what was passed on is closed already.
func (p *process) release() {
	p.watchers.close()
	_ = p.clients.Close()
	_ = p.peers.Close()
	if p.pid != nil {
		p.pid.Release()
	}
}

// start recovers the node from its directory and runs it.
func (p *process) start(s Settings, dir string, log *slog.Logger) (err error) {
	var seeds []node.Seed
	for _, m := range s.Cluster {
		seed := node.Seed{ID: raft.NodeID(m.ID), PeerAddr: m.PeerAddr}
		if m.ID == s.ID {
			seed.ClientAddr = s.ClientAddr
		}
		seeds = append(seeds, seed)
	}
	c := host.Config{
		ID:        raft.NodeID(s.ID),
		Dir:       dir,
		Settings:  node.Settings{Seeds: seeds, PeerAddr: s.PeerAddr, ClientAddr: s.ClientAddr, Lease: s.lease(), MaxLevel: MaxLevel()},
		WAL:       s.walOptions(),
		Machine:   statemachine.New(),
		Transport: p.peers,
		Logger:    log,
	}
	p.watch.hosts(&c, p.peers)
	if p.host, err = host.Start(c); err != nil {
		return dirError(dir, err)
	}
	p.watch.up(p.host, dir)
	cfg := s.serverConfig(dir)
	cfg.Connections = p.connects
	cfg.Host, cfg.Logger, cfg.TLS, cfg.Assistant = p.host, log, p.guards.clients(s.Wire), s.Assistant.asConfig(log)
	p.watch.serves(&cfg)
	if p.server, err = server.New(cfg); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopMax)
		defer cancel()
		return errors.Join(err, p.host.Stop(ctx))
	}
	return nil
}

// serve answers clients until the context ends or something fails.
func (p *process) serve(ctx context.Context, log *slog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- p.server.Serve(p.clients) }()
	reload, stopReloads := p.reloads()
	defer stopReloads()
	look := time.NewTicker(renewEvery)
	defer look.Stop()
	for {
		select {
		case <-reload:
			p.guards.reload(log)
			continue
		case <-look.C:
			p.guards.warnOfEnd(log)
			continue
		case <-ctx.Done():
			log.Info("stopping", "reason", context.Cause(ctx))
			return p.stop()
		case <-p.host.Done():
			return p.stop()
		case err := <-failed:
			return errors.Join(err, p.stop())
		}
	}
}

// reloads tells when somebody has sent SIGHUP. To a node without certificates that means what it means to every process: its
// terminal is gone, and it ends.
func (p *process) reloads() (sent chan os.Signal, stop func()) {
	sent = make(chan os.Signal, 1)
	if p.guards.keeper == nil {
		return sent, func() {}
	}
	signal.Notify(sent, syscall.SIGHUP)
	return sent, func() { signal.Stop(sent) }
}

// stop ends host and server side by side: the host answers the calls that the
// server waits for.
func (p *process) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		p.server.Stop()
		close(stopped)
	}()
	err := p.host.Stop(ctx)
	<-stopped
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the disk did not finish within %v; everything acknowledged is stored", stopMax)
	}
	return err
}

// listenError says what to do about an address that can't be listened on.
func listenError(flag, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("address %s (%s) is in use: stop the program that listens there, or choose another address", addr, flag)
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("address %s (%s) is none of this machine's: choose an address of this machine, or 127.0.0.1", addr, flag)
	}
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("address %s (%s) may not be used by this user: choose a port from 1024 on", addr, flag)
	}
	return fmt.Errorf("can't listen on %s (%s): %w: choose another address", addr, flag, err)
}

// intact looks into a directory that was started before, and changes nothing. A
// node whose data is gone must not come back as itself: it would break what it
// promised. Nor should one start whose certificate is another cluster's.
func (p *process) intact(dir string) error {
	fsys, err := osfs.New(dir)
	if err != nil {
		return dirError(dir, err)
	}
	defer fsys.Close()
	id, err := node.ReadIdentity(fsys, ".")
	if errors.Is(err, vfs.ErrNotExist) {
		return fmt.Errorf("%s was emptied: put back what was in it, if it was only moved away (never an old copy); otherwise %s", dir, node.NoWayBack)
	}
	if err != nil {
		return dirError(dir, err)
	}
	if p.guards.keeper != nil {
		return p.guards.keeper.CheckCluster(id.Cluster)
	}
	return nil
}

// Formed reports whether a directory holds a member of a cluster.
func Formed(dir string) bool {
	fsys, err := osfs.New(dir)
	if err != nil {
		return false
	}
	defer fsys.Close()
	id, err := node.ReadIdentity(fsys, ".")
	return err == nil && id.Cluster != 0
}

// MakeDir makes a data directory that a crash does not take away, or says why it
// can't be.
func MakeDir(dir string) error {
	if err := osfs.MakeDir(dir); err != nil {
		return dirError(dir, err)
	}
	return nil
}

// DirError says what to do about a directory that can't be used.
func DirError(dir string, err error) error { return dirError(dir, err) }

// dirError says what to do about a directory that can't be used.
func dirError(dir string, err error) error {
	if _, ok := errors.AsType[*InUseError](err); ok {
		return err
	}
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return &InUseError{Dir: dir}
	case errors.Is(err, syscall.EROFS), errors.Is(err, vfs.ErrReadOnly):
		return fmt.Errorf("%s is on a read-only file system: mount it writable, or choose another --dir", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be written by this user: change its owner, or choose another --dir", dir)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, vfs.ErrNoSpace):
		return fmt.Errorf("%s is on a full disk: make room, then start again", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is no directory: choose another --dir", dir)
	}
	if _, ok := errors.AsType[*wal.FormatError](err); ok {
		return fmt.Errorf("data directory %s: %w: run that release", dir, err)
	}
	_, damaged := errors.AsType[*wal.DamagedError](err)
	if _, lost := errors.AsType[*wal.LostError](err); damaged || lost {
		return fmt.Errorf("data directory %s: %w: node inspect %s shows all of it; %s", dir, err, dir, node.NoWayBack)
	}
	if _, ok := errors.AsType[*wal.ClusterError](err); ok {
		return fmt.Errorf("data directory %s: %w: put this node's own log back; otherwise %s", dir, err, node.NoWayBack)
	}
	return fmt.Errorf("data directory %s: %w", dir, err)
}

// Version names the build for people: a release, or the commit it was made of.
func Version() string { return build.Read().Version }
