package process

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/cmd/internal/usage"
	"parley/raft/node"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
)

// Settings is what a node must know to start. They are saved in the data directory at
// the first start, so that later ones need the directory alone.
type Settings struct {
	Version    int      `json:"version"`
	ID         uint64   `json:"id"`
	ClientAddr string   `json:"client_addr"`
	PeerAddr   string   `json:"peer_addr"`
	Cluster    []Member `json:"cluster,omitempty"`     // the founding members, by rising id; none of a node that joins
	Join       bool     `json:"join,omitempty"`        // it waits for a cluster to add it
	Lease      string   `json:"lease,omitempty"`       // how long a leader's lease may last: "200ms"; none without
	SegmentMiB int      `json:"segment_mib,omitempty"` // the size of a file of the log; 0: as wal has it
	Edge       Edge     `json:"edge,omitzero"`         // what its server is told about people who log in
	Wire       Wire     `json:"wire,omitzero"`         // how its connections are protected
	Observe    Observe  `json:"observe,omitzero"`      // how it is watched

	Assistant Assistant `json:"assistant,omitzero"` // where the texts of assistance are made

	leaseWas     *string    // what the directory had saved, if the command line says otherwise
	segmentWas   *int       // the same
	edgeWas      *Edge      // the same
	wireWas      *Wire      // the same
	observeWas   *Observe   // the same
	assistantWas *Assistant // the same
}

// Member is a founding member and where it listens for its peers.
type Member struct {
	ID       uint64 `json:"id"`
	PeerAddr string `json:"peer_addr"`
}

const (
	settingsFile    = "node.json"
	settingsVersion = 1
)

// Flags is what the command line says; zero values were not given.
type Flags struct {
	Dir        string
	ID         uint64
	ClientAddr string
	PeerAddr   string
	Cluster    string // 1=host:port,2=host:port,...
	Join       bool
	Lease      string // a duration; "0" takes it away
	SegmentMiB int
	Edge       Edge
	Wire       WireFlags
	SecretFile string
	Observe    Observe
	Assistant  Assistant
}

// Resolve joins the command line with what the directory has saved. Saved
// settings hold; a flag that says otherwise is an error, because ids and
// addresses are part of the cluster's membership. The lease is not, and may be another from
// one start to the next. saved reports whether there were any.
func Resolve(f Flags) (s Settings, saved bool, err error) {
	if f.Dir == "" {
		return s, false, usage.Errorf("--dir is missing: name the node's data directory")
	}
	asked, err := f.settings()
	if err != nil {
		return s, false, usage.Wrong(err)
	}
	s, err = Load(f.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && interrupted(f.Dir):
		return s, false, fmt.Errorf("a recovery of %s was interrupted: node recover --dir %s finishes it", f.Dir, f.Dir)
	case errors.Is(err, fs.ErrNotExist):
		if err := cmp.Or(asked.complete(f.Dir), asked.oneAddress()); err != nil {
			return asked, false, usage.Wrong(err)
		}
		return asked, false, usage.Wrong(errors.Join(asked.check(), asked.Assistant.check()))
	case err != nil:
		return s, false, err
	}
	if f.Lease != "" && asked.Lease != s.Lease {
		was := s.Lease
		s.Lease, s.leaseWas = asked.Lease, &was
	}
	if f.SegmentMiB != 0 && f.SegmentMiB != s.SegmentMiB {
		was := s.SegmentMiB
		s.SegmentMiB, s.segmentWas = f.SegmentMiB, &was
	}
	if edge := s.Edge.under(f.Edge); edge != s.Edge {
		was := s.Edge
		s.Edge, s.edgeWas = edge, &was
	}
	if wire := s.Wire.under(f.Wire); wire != s.Wire {
		was := s.Wire
		s.Wire, s.wireWas = wire, &was
	}
	if o := s.Observe.under(f.Observe); o != s.Observe {
		was := s.Observe
		s.Observe, s.observeWas = o, &was
	}
	if assistant := s.Assistant.under(f.Assistant); assistant != s.Assistant {
		was := s.Assistant
		s.Assistant, s.assistantWas = assistant, &was
		if err := assistant.check(); err != nil { // one that was saved keeps nobody from starting
			return s, true, usage.Wrong(err)
		}
	}
	if err := s.check(); err != nil {
		if s.changed() {
			err = usage.Wrong(err)
		}
		return s, true, err
	}
	return s, true, s.accept(f.Dir, asked)
}

// check reports all that can't be of what may be another from one start to the next.
func (s Settings) check() error {
	return errors.Join(s.apart(), CheckSegment(s.SegmentMiB), s.Edge.check(s.loopback()), s.Wire.check(&s), s.Observe.check())
}

// changed reports whether the command line says otherwise than what was saved.
func (s Settings) changed() bool {
	return s.leaseWas != nil || s.segmentWas != nil || s.edgeWas != nil || s.wireWas != nil || s.observeWas != nil || s.assistantWas != nil
}

// lease returns the lease as the node takes it.
func (s Settings) lease() time.Duration { return duration(s.Lease) }

// leaseEnds reports whether the lease is taken away: what a former process promised to a
// leader must be over before this one votes, and this one does not look after it.
func (s Settings) leaseEnds() bool {
	return s.leaseWas != nil && *s.leaseWas != "" && s.Lease == ""
}

// duration reads a duration that was checked; none is zero.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}

// checkLease reads what --lease says and writes it as it is saved; zero is none.
func checkLease(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return "", fmt.Errorf("--lease: %q is no duration; write for example 200ms, or 0 for none", text)
	}
	if err := (&node.Settings{Lease: d}).Validate(0); err != nil {
		return "", fmt.Errorf("--lease: %w", err)
	}
	if d == 0 {
		return "", nil
	}
	return d.String(), nil
}

// segmentMiBMax bounds a file of the log, which a start reads to its end.
const segmentMiBMax = 1024

// CheckSegment reports a size of the log's files that no node takes; 0 is the usual.
func CheckSegment(mib int) error {
	if mib < 0 || mib > segmentMiBMax {
		return fmt.Errorf("--segment-mib %d: a file of the log has 1 to %d MiB", mib, segmentMiBMax)
	}
	return nil
}

// walOptions is what the log is told.
func (s Settings) walOptions() wal.Options {
	return wal.Options{SegmentBytes: int64(s.SegmentMiB) << 20}
}

// Load reads the saved settings of a data directory; without any it is
// fs.ErrNotExist.
func Load(dir string) (Settings, error) {
	path := filepath.Join(dir, settingsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, err
	}
	if err != nil {
		return Settings{}, dirError(dir, err)
	}
	var s Settings
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s is no settings file (%w): restore it, or delete it and start with all flags", path, err)
	}
	if s.Version > settingsVersion {
		return s, fmt.Errorf("%s was written by a newer release (version %d, this one reads %d): run that release", path, s.Version, settingsVersion)
	}
	if s.Lease, err = checkLease(s.Lease); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, s.complete(dir)
}

// save writes the settings so that they are there whole or not at all.
func (s Settings) save(dir string) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, settingsFile), data)
}

func (s Settings) encode() ([]byte, error) {
	s.Version = settingsVersion
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// Alone returns name and contents of the settings file of a node that begins a new cluster
// by itself: it is the only founding member.
func (s Settings) Alone() (name string, data []byte, err error) {
	s.Cluster, s.Join = []Member{{s.ID, s.PeerAddr}}, false
	data, err = s.encode()
	return settingsFile, data, err
}

// linksMax bounds a chain of symbolic links.
const linksMax = 40

// RealDir returns a directory's absolute path behind symbolic links, also if there is no such directory at present.
func RealDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	for range linksMax {
		if err != nil {
			break
		}
		if parent, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
			dir = filepath.Join(parent, filepath.Base(dir))
		}
		target, notLink := os.Readlink(dir)
		if notLink != nil {
			return dir, nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(dir), target)
		}
		dir, err = filepath.Abs(target)
	}
	return dir, err
}

// interrupted reports whether a directory does not exist because a recovery was interrupted.
func interrupted(dir string) bool {
	dir, err := RealDir(dir)
	if err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Dir(dir)); err != nil {
		return false // osfs would make it
	}
	parent, err := osfs.New(filepath.Dir(dir))
	if err != nil {
		return false
	}
	defer parent.Close()
	return node.RecoveryInterrupted(parent, filepath.Base(dir))
}

// WriteFile replaces a file durably: the new content under another name,
// synced, renamed, and the directory synced.
func WriteFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// settings reads the flags that were given. The error has all that is wrong with them.
func (f Flags) settings() (Settings, error) {
	s := Settings{ID: f.ID, ClientAddr: f.ClientAddr, PeerAddr: f.PeerAddr, Join: f.Join, SegmentMiB: f.SegmentMiB, Edge: f.Edge, Wire: Wire{}.under(f.Wire), Observe: f.Observe,
		Assistant: Assistant{}.under(f.Assistant)}
	var wrong []error
	if f.Join && f.Cluster != "" {
		wrong = append(wrong, errors.New("--join and --cluster contradict one another: a node founds a cluster or is added to one"))
	}
	for _, addr := range []struct{ flag, value string }{{"--client-addr", f.ClientAddr}, {"--peer-addr", f.PeerAddr}} {
		if addr.value != "" {
			wrong = append(wrong, checkAddr(addr.flag, addr.value))
		}
	}
	var err error
	s.Lease, err = checkLease(f.Lease)
	wrong = append(wrong, err)
	s.Cluster, err = members(f.Cluster)
	return s, errors.Join(append(wrong, err)...)
}

// members reads a list of founding members.
func members(list string) (all []Member, err error) {
	if list == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseUint(id, 10, 64)
		if !ok || err != nil || n == 0 {
			return nil, fmt.Errorf("--cluster: %q is not ID=HOST:PORT with an id from 1 on; write 1=127.0.0.1:50151,2=127.0.0.1:50152,3=127.0.0.1:50153", part)
		}
		if err := checkAddr("--cluster", addr); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(m Member) bool { return m.ID == n }) {
			return nil, fmt.Errorf("--cluster names node %d twice: give each node an id of its own", n)
		}
		if i := slices.IndexFunc(all, func(m Member) bool { return m.PeerAddr == addr }); i >= 0 {
			return nil, fmt.Errorf("--cluster has nodes %d and %d at %s: give each node an address of its own", all[i].ID, n, addr)
		}
		all = append(all, Member{n, addr})
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

func checkAddr(flag, addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return fmt.Errorf("%s: %q is not HOST:PORT; write for example 127.0.0.1:50051", flag, addr)
	} else if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%s: %q has no port from 0 to 65535; write for example 127.0.0.1:50051", flag, addr)
	}
	return nil
}

// apart reports two flags that name one address: the second to listen there would take the first for another program.
func (s Settings) apart() error {
	all := []struct{ flag, addr string }{{"--peer-addr", s.PeerAddr}, {"--client-addr", s.ClientAddr}, {"--http-addr", s.Observe.HTTPAddr}, {"--debug-addr", s.Observe.DebugAddr}}
	for i, a := range all {
		for _, b := range all[:i] {
			if meet(a.addr, b.addr) {
				return fmt.Errorf("%s and %s both name %s: give each a port of its own", b.flag, a.flag, a.addr)
			}
		}
	}
	return nil
}

// meet reports whether whoever listens at one address listens at the other, too. Port 0 is any that is free.
func meet(a, b string) bool {
	host, port, err := net.SplitHostPort(a)
	other, same, err2 := net.SplitHostPort(b)
	if err != nil || err2 != nil || port != same || port == "0" {
		return false
	}
	every := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	return host == other || every(host) || every(other)
}

// complete reports what is missing to start.
func (s Settings) complete(dir string) error {
	var missing []string
	if s.ID == 0 {
		missing = append(missing, "--id")
	}
	if s.ClientAddr == "" {
		missing = append(missing, "--client-addr")
	}
	if s.PeerAddr == "" {
		missing = append(missing, "--peer-addr")
	}
	if len(s.Cluster) == 0 && !s.Join {
		missing = append(missing, "--cluster")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s holds no node yet, and %s is missing: a first start needs --id, --client-addr, --peer-addr and --cluster (or --join)",
			dir, strings.Join(missing, " and "))
	}
	if !s.Join && !slices.ContainsFunc(s.Cluster, func(m Member) bool { return m.ID == s.ID }) {
		return fmt.Errorf("node %d is not in --cluster: add %d=%s to the list, the same on every node", s.ID, s.ID, s.PeerAddr)
	}
	return nil
}

// oneAddress reports that --peer-addr is not what --cluster tells the others. A node may listen on all addresses of its machine.
func (s Settings) oneAddress() error {
	i := slices.IndexFunc(s.Cluster, func(m Member) bool { return m.ID == s.ID })
	if i < 0 || s.Cluster[i].PeerAddr == s.PeerAddr {
		return nil
	}
	host, port, _ := net.SplitHostPort(s.PeerAddr)
	_, told, _ := net.SplitHostPort(s.Cluster[i].PeerAddr)
	if port == told && (host == "" || net.ParseIP(host).IsUnspecified()) {
		return nil
	}
	return fmt.Errorf("--peer-addr %s and --cluster contradict one another: there node %d is at %s, where the others would look for it; make them the same",
		s.PeerAddr, s.ID, s.Cluster[i].PeerAddr)
}

// accept reports the first flag that contradicts the saved settings.
func (s Settings) accept(dir string, asked Settings) error {
	differs := func(flag, got, want string) error {
		return fmt.Errorf("%s was started with %s %s, not %s: leave the flag out to resume it, or choose another --dir", dir, flag, want, got)
	}
	switch {
	case asked.ID != 0 && asked.ID != s.ID:
		return fmt.Errorf("%s is the directory of node %d, not of node %d: choose another --dir", dir, s.ID, asked.ID)
	case asked.ClientAddr != "" && asked.ClientAddr != s.ClientAddr:
		return differs("--client-addr", asked.ClientAddr, s.ClientAddr)
	case asked.PeerAddr != "" && asked.PeerAddr != s.PeerAddr:
		return differs("--peer-addr", asked.PeerAddr, s.PeerAddr)
	case asked.Join && !s.Join:
		return fmt.Errorf("%s is the directory of a founding member: leave --join out to resume it, or choose another --dir", dir)
	case asked.Cluster != nil && s.Join:
		return fmt.Errorf("%s is the directory of a node that joins: leave --cluster out to resume it, or choose another --dir", dir)
	case asked.Cluster != nil && !slices.Equal(asked.Cluster, s.Cluster):
		return fmt.Errorf("%s is the directory of another cluster (%s): leave --cluster out to resume it, or choose another --dir", dir, s.ClusterFlag())
	}
	return nil
}

// ClusterFlag returns the founding members as --cluster takes them.
func (s Settings) ClusterFlag() string {
	parts := make([]string, len(s.Cluster))
	for i, m := range s.Cluster {
		parts[i] = fmt.Sprintf("%d=%s", m.ID, m.PeerAddr)
	}
	return strings.Join(parts, ",")
}
