package node

import (
	"errors"
	"fmt"
	"io"

	"parley/raft"
	"parley/raft/snap"
)

// Snapshots does the tasks of a node on its directory's snapshots: the worker's half of
// snapshots.go and fetch.go. It is pure over vfs like Disk, and belongs to one goroutine, which need not
// be the one that has the Disk.
type Snapshots struct {
	store *snap.Store
	empty StateMachine // what a snapshot is restored into, by cloning it
	rules Rules
	part  *snap.Partial
	id    snap.ID // of part
}

// Do does one task. Between is called now and then while a snapshot is made or decoded, so that what
// came meanwhile is not held up by it; its error ends the task. Nil is nothing.
func (s *Snapshots) Do(t *Task, between func() error) TaskDone {
	d := TaskDone{Task: *t}
	d.Task.State, d.Task.Data = nil, nil
	switch t.Kind {
	case TaskMake:
		d.Task.ID.Entry = t.Base.Entry
		d.Info, d.Err = s.store.Create(t.Base, t.State.Hash(), func(w io.Writer) error {
			return t.State.Write(&pausing{w: w, between: between})
		})
	case TaskRead:
		d.Data, d.Err = s.read(t)
	case TaskFetch:
		s.fetch(t.ID, &d)
	case TaskPut:
		s.put(t, &d)
	case TaskLoad:
		s.load(t.ID, &d, between)
	case TaskPrune:
		d.Err = s.store.Prune(t.Keep...)
	default:
		broken("task of kind %d", t.Kind)
	}
	return d
}

// pausing lets others in between pieces of a long write or read.
type pausing struct {
	w       io.Writer
	r       io.Reader
	between func() error
	bytes   int
}

// pauseEvery is how many bytes go by between two pauses: a millisecond's worth.
const pauseEvery = 256 << 10

func (p *pausing) Write(b []byte) (int, error) {
	if err := p.pause(len(b)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

func (p *pausing) Read(b []byte) (int, error) {
	if err := p.pause(len(b)); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

func (p *pausing) pause(bytes int) error {
	if p.bytes += bytes; p.between == nil || p.bytes < pauseEvery {
		return nil
	}
	p.bytes = 0
	return p.between()
}

// find returns what is known of a snapshot.
func (s *Snapshots) find(id snap.ID) (snap.Info, bool) {
	for _, info := range s.store.List() {
		if info.ID == id {
			return info, true
		}
	}
	return snap.Info{}, false
}

func (s *Snapshots) read(t *Task) ([]byte, error) {
	info, ok := s.find(t.ID)
	if !ok {
		return nil, snap.ErrGone
	}
	data, err := s.store.AppendChunk(t.Data, info, t.Offset, t.Max)
	if err != nil && !errors.Is(err, snap.ErrGone) {
		s.store.GiveUp(t.ID, err)
	}
	return data, err
}

// fetch begins a download. A snapshot that is there already, because a process died before the log
// went on behind it, is a download that is complete.
func (s *Snapshots) fetch(id snap.ID, d *TaskDone) {
	s.close()
	if _, ok := s.find(id); ok {
		d.Have, d.Whole = id.Size, true
		return
	}
	if s.part, d.Err = s.store.Resume(id); d.Err == nil {
		s.id = id
		d.Have, d.Whole = s.part.Have(), s.part.Complete()
	}
}

// put writes pieces. A piece that is wrong is asked for again; after an error of the disk the
// download is taken up anew.
func (s *Snapshots) put(t *Task, d *TaskDone) {
	if s.part == nil || s.id != t.ID {
		d.Err = snap.ErrGone
		return
	}
	d.Err = s.part.Append(t.Offset, t.Data)
	if wrong := (*snap.TransferError)(nil); d.Err != nil && !errors.As(d.Err, &wrong) {
		err := d.Err
		if s.part, d.Err = s.store.Resume(t.ID); d.Err != nil {
			s.part = nil
			return
		}
		d.Err = err
	}
	d.Have, d.Whole = s.part.Have(), s.part.Complete()
}

// load makes a snapshot of the download and decodes it. The hash is computed anew.
func (s *Snapshots) load(id snap.ID, d *TaskDone, between func() error) {
	info, ok := s.find(id)
	if !ok {
		if s.part == nil || s.id != id {
			d.Err = snap.ErrGone
			return
		}
		info, d.Err = s.part.Finish()
		s.part = nil
		if d.Err != nil {
			return
		}
	}
	d.Info = info
	if d.State, d.Err = s.decode(info, between); d.Err != nil && !errors.Is(d.Err, ErrStateVersion) {
		s.store.GiveUp(id, d.Err) // the next download writes it anew, in another place
	}
}

// decode reads the state out of a snapshot.
func (s *Snapshots) decode(info snap.Info, between func() error) (*State, error) {
	r, err := s.store.Reader(info)
	if err != nil {
		return nil, err
	}
	state, err := ReadState(&pausing{r: r, between: between}, s.empty.Clone(), s.rules)
	if closed := r.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the snapshot up to entry %d: %w", info.Entry.Index, err)
	case state.Hash() != Hash(info.Hash) || state.Applied() != info.Entry.Index || state.LogTime() != info.Base.Time:
		return nil, fmt.Errorf("the snapshot up to entry %d holds a state up to %d with another hash than it says", info.Entry.Index, state.Applied())
	}
	return state, nil
}

// close gives up a download that is under way; what is there of it stays.
func (s *Snapshots) close() {
	if s.part != nil {
		_ = s.part.Close() // nothing is lost that can't be fetched again
		s.part = nil
	}
}

// good returns the snapshots that are good to the last bit, the newest with its state. A state
// machine must have been given, else nothing is decoded. What a newer release wrote is an error: it is
// not lost, and must not pass for that.
func (s *Snapshots) good() (list []snap.Info, newest *State, bad []error, err error) {
	all := s.store.List()
	for i := len(all) - 1; i >= 0; i-- {
		info := all[i]
		var err error
		if newest == nil && s.empty != nil {
			newest, err = s.decode(info, nil)
		} else {
			err = s.store.Verify(info)
		}
		if errors.Is(err, ErrStateVersion) {
			return nil, nil, nil, err
		}
		if damaged := (*snap.DamagedError)(nil); err != nil {
			if !errors.As(err, &damaged) { // the store lists those
				bad = append(bad, err)
			}
			continue
		}
		list = append([]snap.Info{info}, list...)
	}
	for _, d := range s.store.Damaged() {
		bad = append(bad, d)
	}
	return list, newest, bad, nil
}

// entriesOf names the last entries of snapshots.
func entriesOf(list []snap.Info) []raft.EntryID {
	out := make([]raft.EntryID, len(list))
	for i := range list {
		out[i] = list[i].Entry
	}
	return out
}
