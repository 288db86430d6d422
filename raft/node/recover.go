package node

import (
	"errors"
	"fmt"
	"io"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/wal"
)

// Recovery from the loss of the majority makes a new cluster out of the directory of one survivor, when so many
// voters are gone for good that nobody can be elected any more. Raft has no such step: an operator decides that
// the lost nodes never return, and what only they had is given up.
//
//	the survivor's directory              the new one
//	  newest good snapshot ─┐
//	  the log behind it ────┴─► state ──► snapshot at the base, an empty log behind it,
//	                                      a cluster id and an incarnation of their own,
//	                                      the survivor as the only voter
//
// All of the log is applied, committed or not: the survivor cannot tell, since the nodes that could are gone,
// and to drop an entry that was acknowledged is worse than to keep one that was not. State, client sessions,
// requests, pins, level and log time go on where they stood; a state machine that is a Refounder is told, and ends what the
// old cluster's secrets open. The blobs that the state wants are copied.
//
// The base lies far above everything that the old cluster can have given out, so that a position, a fence or a session
// id of the old one, the lost nodes' last ones included, never means something else in the new one.
//
// PlanRecovery reads and changes nothing; Recovery.Run makes the new directory beside the old one
// and switches by renaming both; see recoverdir.go.

const (
	// recoveryLeap is how far above the survivor's last entry the new cluster begins at least: the lost nodes are ahead
	// by less, at a million entries a second for twelve days.
	recoveryLeap = raft.Index(1) << 40
	// recoverySecondBits is what a second of wall-clock time counts in positions: a cluster that has never had more
	// entries than a million a second since 1970 is below, also one whose survivor is an old backup.
	recoverySecondBits = 20
	// recoveryIndexMax leaves half of the positions below 2^53 to the new cluster. Only a clock beyond
	// the year 2106 leads there.
	recoveryIndexMax = raft.Index(1) << 52
)

// Why a directory can't be made the start of a new cluster, beside the errors of the log, the snapshots and the identity.
var (
	ErrNoDirectory       = errors.New("there is no such directory")
	ErrNeverFormed       = errors.New("this directory belongs to no cluster yet: there is nothing to recover; delete the directories of all founding members and start again")
	ErrNothingSurvived   = errors.New("this directory holds neither an entry nor a snapshot that its log goes with: look for another survivor")
	ErrRecoveryClock     = errors.New("the positions of the new cluster would begin beyond what they can be: set the clock of this machine")
	ErrIdentityUnusable  = errors.New("the identity of this directory is missing or damaged, and nothing else tells whose log this is: look for another survivor")
	errNotDrawn          = errors.New("node: a new cluster needs an id, an incarnation and a secret that were drawn")
	errRecoveryDifferent = errors.New("the snapshot that was just written does not hold what was written")
)

// RecoveryOptions is what a recovery must be told.
type RecoveryOptions struct {
	// Cluster and Inc are the new cluster's id, and the survivor's incarnation in it: drawn at random.
	Cluster raft.ClusterID
	Inc     raft.Incarnation
	// Secret is what a machine that is a Refounder gets: drawn at random.
	Secret [32]byte
	// Wall is what the wall clock says. It is the one thing that tells how old a directory may be.
	Wall raft.Wall
	// AcceptDamage goes on where the disk lost entries: without the first of them and all behind it.
	AcceptDamage bool
	// Files go into the new directory as they are: what the driver keeps there.
	Files []RecoveryFile
	// Machine is an empty state machine.
	Machine StateMachine
	// MaxLevel is the newest level that is known here, LevelMax if zero.
	MaxLevel uint32
	WAL      wal.Options  // the cluster and the snapshots are filled in
	Snap     snap.Options // the cluster is filled in
	Rules    Rules
	Blobs    blob.Options
}

// RecoveryFile is a file beside log and snapshots.
type RecoveryFile struct {
	Name string
	Data []byte
}

// RecoveryReport is what an operator must know before he decides.
type RecoveryReport struct {
	// Old is the identity that is given up; New the one in its place.
	Old, New Identity
	// Term is the survivor's current term.
	Term raft.Term
	// Known is the last entry that is certainly committed: a snapshot goes up to there. Zero: nothing is known.
	Known raft.EntryID
	// Last is the last entry that is kept, and Time its log time. Those between Known and Last may not have been
	// committed: now they are.
	Last raft.EntryID
	Time raft.LogTime
	// Hash is that of the state after Last, as the nodes of the old cluster had it.
	Hash Hash
	// Config is the configuration in force at Last. Its members but the survivor are given up.
	Config raft.Configuration
	// Base is where the new cluster begins.
	Base raft.EntryID
	// Loss is what the disk lost, nil if it lost nothing that matters.
	Loss *RecoveryLossError
	// Blobs are named or pinned in the state; MissingBlobs of them are not in the directory, or damaged there as far as
	// their ends tell. Nobody has them any more.
	Blobs, MissingBlobs int
	// Snapshots are damaged ones.
	Snapshots []error
}

// GivenUp returns the members that are no part of the new cluster.
func (r *RecoveryReport) GivenUp() (members []raft.Member) {
	for _, m := range r.Config.Members {
		if m.Ident != r.Old.Self {
			members = append(members, m)
		}
	}
	return members
}

// RecoveryLossError says that the survivor's own disk lost entries. They and all behind them are given up if the
// operator accepts it.
type RecoveryLossError struct {
	// From is the first entry that is lost.
	From raft.Index
	// Claimed is the last entry that the log is known to have held; the end is not certain if it is not Certain.
	Claimed raft.EntryID
	Certain bool
	Holes   []wal.Hole
	Damage  []wal.Damage
}

// Error says what is lost.
func (e *RecoveryLossError) Error() string {
	what := fmt.Sprintf("the disk lost entry %d, and the log went up to %d of term %d", e.From, e.Claimed.Index, e.Claimed.Term)
	if !e.Certain {
		what = fmt.Sprintf("the disk lost the end of the log, and with it an unknown number of entries from %d on", e.From)
	}
	return what + ": look for a survivor without damage first; to go on here means to lose that entry and all behind it"
}

// Recovery is a recovery that was planned: the report, and the state that the new cluster begins with. The
// directory is locked until Close.
type Recovery struct {
	Report RecoveryReport

	fs    vfs.FS
	dir   string
	o     RecoveryOptions
	lock  io.Closer
	state *State // at the base
}

// PlanRecovery reads a survivor's directory and applies its log, and changes nothing there. Other directories
// must be beside it: dir is not the root of the file system. An *RecoveryLossError is returned together with the plan,
// so that it can be shown; such a plan can't be run unless the loss was accepted.
func PlanRecovery(fs vfs.FS, dir string, o RecoveryOptions) (*Recovery, error) {
	if err := checkDrawn(o.Cluster, o.Inc, o.Secret, o.Machine); err != nil {
		return nil, err
	}
	r := &Recovery{fs: fs, dir: dir, o: o}
	if err := r.plan(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if r.Report.Loss != nil && !o.AcceptDamage {
		return r, r.Report.Loss
	}
	return r, nil
}

// Close gives the directory back.
func (r *Recovery) Close() error {
	if r.lock == nil {
		return nil
	}
	err := r.lock.Close()
	r.lock = nil
	return err
}

func (r *Recovery) plan() error {
	if err := r.own(); err != nil {
		return err
	}
	found, err := r.look()
	if err != nil {
		return err
	}
	entries := found.behind()
	if found.state == nil && len(entries) == 0 {
		return ErrNothingSurvived
	}
	r.Report.Loss = found.loss(entries)
	return r.begin(found, entries)
}

// own checks whose directory it is, and takes it.
func (r *Recovery) own() error {
	if _, err := r.fs.List(r.dir); errors.Is(err, vfs.ErrNotExist) {
		return ErrNoDirectory
	}
	id, err := ReadIdentity(r.fs, r.dir)
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		if logs, err := r.fs.List(join(r.dir, walName)); err != nil || len(logs) == 0 {
			return ErrNeverFormed
		}
		return ErrIdentityUnusable
	case errors.Is(err, ErrIdentityDamaged):
		return ErrIdentityUnusable
	case err != nil:
		return err
	case id.Cluster == 0:
		return ErrNeverFormed
	}
	r.Report.Old = id
	r.lock, err = r.fs.Lock(join(r.dir, lockName))
	return err
}

// survived is what a directory holds.
type survived struct {
	state *State // the newest good snapshot's, nil if there is none
	at    raft.EntryID
	base  raft.Base // of that snapshot; that of the formation record if there is none
	log   wal.Report
	high  raft.EntryID // nothing that was seen of log and snapshots is above
}

// look reads all there is.
func (r *Recovery) look() (*survived, error) {
	o := r.o.Snap
	o.Cluster = r.Report.Old.Cluster
	store, err := snap.Look(r.fs, join(r.dir, snapsName), o)
	if err != nil {
		return nil, err
	}
	snapshots := Snapshots{store: store, empty: r.o.Machine, rules: r.o.Rules.withDefaults()}
	good, newest, bad, err := snapshots.good()
	if err != nil {
		return nil, err
	}
	s := &survived{state: newest, base: raft.Base{Config: r.Report.Old.Members}}
	if len(good) > 0 {
		s.base = good[len(good)-1].Base
		s.at = s.base.Entry
	}
	if s.log, err = wal.Inspect(r.fs, join(r.dir, walName)); errors.Is(err, vfs.ErrNotExist) {
		err = nil // nothing of it is certain, and nothing is there
	}
	if err != nil {
		return nil, err
	}
	if got, want := s.log.Cluster, o.Cluster; got != want && got != 0 {
		return nil, &wal.ClusterError{File: walName, Got: got, Want: want}
	}
	s.seen(s.at)
	for _, d := range store.Damaged() {
		s.seen(raft.EntryID{Index: d.Index})
	}
	was := &s.log.Was
	s.seen(raft.EntryID{Index: was.Last, Term: was.LastTerm})
	s.seen(was.Hard.Floor)
	s.seen(raft.EntryID{Term: was.Hard.Term})
	r.Report.Term, r.Report.Known, r.Report.Snapshots = was.Hard.Term, s.at, bad
	return s, nil
}

func (s *survived) seen(e raft.EntryID) {
	s.high.Index, s.high.Term = max(s.high.Index, e.Index), max(s.high.Term, e.Term)
}

// entry returns the entry at an index, if it can be read.
func (s *survived) entry(i raft.Index) (raft.Entry, bool) {
	was := &s.log.Was
	if was.Certain {
		return was.Entry(i)
	}
	if i <= was.Base.Index || i-was.Base.Index > raft.Index(len(was.Entries)) {
		return raft.Entry{}, false
	}
	return was.Entries[i-was.Base.Index-1], true
}

// behind returns the entries that the state goes on with: all that are there, up to the first that is not.
func (s *survived) behind() (entries []raft.Entry) {
	if joins, _ := s.joins(); !joins {
		return nil
	}
	last := raft.Entry{Term: s.at.Term, Time: s.base.Time}
	for i := s.at.Index + 1; ; i++ {
		e, ok := s.entry(i)
		if !ok || e.Term < last.Term || e.Time < last.Time { // it falls only where nothing is certain
			return entries
		}
		entries, last = append(entries, e), e
	}
}

// joins reports whether the log goes on behind the snapshot, as far as anything is known of it. What is in a
// snapshot is committed: where the log has another entry in the place of its last one, nothing of the log from there
// on is right [§7], and to give it up is no loss.
func (s *survived) joins() (joins, wrong bool) {
	was := &s.log.Was
	if e, ok := s.entry(s.at.Index); ok {
		return e.Term == s.at.Term, e.Term != s.at.Term
	}
	for _, h := range was.Holes {
		if h.First <= s.at.Index && s.at.Index <= h.Last {
			known := h.Term != 0
			return !known || h.Term == s.at.Term, known && h.Term != s.at.Term
		}
	}
	return s.at == was.Base, false
}

// loss tells what the disk lost, if so many entries behind the snapshot are kept. What the snapshot
// covers is not lost.
func (s *survived) loss(kept []raft.Entry) *RecoveryLossError {
	was := &s.log.Was
	last := s.at
	if n := len(kept); n > 0 {
		last = raft.EntryID{Index: kept[n-1].Index, Term: kept[n-1].Term}
	}
	claimed := raft.EntryID{Index: was.Last, Term: was.LastTerm}
	_, wrong := s.joins()
	lost := !was.Certain || last.Index < claimed.Index && !wrong
	if f := was.Hard.Floor; last.Before(f) && last.Index < f.Index {
		lost = true
		claimed.Index, claimed.Term = max(claimed.Index, f.Index), max(claimed.Term, f.Term)
	}
	if !lost {
		return nil
	}
	return &RecoveryLossError{From: last.Index + 1, Claimed: claimed, Certain: was.Certain, Holes: was.Holes, Damage: was.Damage}
}

// begin applies the log and makes the state that the new cluster begins with.
func (r *Recovery) begin(s *survived, entries []raft.Entry) error {
	p := &r.Report
	settings := Settings{Rules: r.o.Rules, MaxLevel: r.o.MaxLevel}.withDefaults()
	n := &Node{
		settings: settings,
		sm:       r.o.Machine.Clone(),
		sessions: newSessions(settings.Rules),
		requests: newRequests(settings.Rules),
		pins:     newPins(settings.Rules),
		level:    1,
		out:      &Output{},
	}
	n.inForce = s.base.ConfigIndex
	if s.state != nil {
		n.adopt(s.state)
	}
	p.Last, p.Config = s.at, s.base.Config
	self := raft.Member{Ident: p.Old.Self}
	locate(&self, p.Old.Members.Members)
	for _, gone := range s.base.Removed {
		locate(&self, []raft.Member{gone.Member})
	}
	locate(&self, p.Config.Members)
	for i := range entries {
		e := &entries[i]
		if _, ok := n.advance(e); !ok {
			return n.stopping
		}
		n.out.Notes = n.out.Notes[:0]
		p.Last = raft.EntryID{Index: e.Index, Term: e.Term}
		if e.Kind != raft.EntryConfig {
			continue
		}
		c, err := raft.DecodeConfiguration(e.Payload)
		if err != nil {
			return fmt.Errorf("the configuration in entry %d: %w", e.Index, err)
		}
		p.Config = c
		locate(&self, c.Members)
	}
	if n.stopping != nil {
		return n.stopping
	}
	s.seen(p.Last)
	p.Time = n.logTime
	_, p.Hash = n.StateHash()
	p.Base = raft.EntryID{Index: recoveryIndex(s.high.Index, r.o.Wall), Term: s.high.Term + 1}
	if p.Base.Index >= recoveryIndexMax {
		return ErrRecoveryClock
	}
	self.Inc, self.Voter = r.o.Inc, true
	p.New = Identity{Self: self.Ident, Cluster: r.o.Cluster, Members: raft.Configuration{Members: []raft.Member{self}}}
	for _, want := range n.pins.table.Wants() {
		p.Blobs++
		if !blob.Present(r.fs, join(r.dir, blobsName), want.Sum) {
			p.MissingBlobs++
		}
	}
	r.state = n.refounded(p.Base, r.o.Secret)
	return nil
}

// locate takes over where a member listens from a list that knows it.
func locate(self *raft.Member, members []raft.Member) {
	for _, m := range members {
		if m.Ident == self.Ident {
			self.PeerAddr, self.ClientAddr = m.PeerAddr, m.ClientAddr
		}
	}
}

// recoveryIndex is where a new cluster begins.
func recoveryIndex(last raft.Index, wall raft.Wall) raft.Index {
	seconds := max(0, int64(wall)/int64(time.Second))
	return max(last+recoveryLeap, raft.Index(seconds)<<recoverySecondBits)
}
