package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
)

// filesWorld is the world of a seed with uploaders in any case, and with pins that mostly outlive it.
func filesWorld(seed uint64) *Plan {
	p := Generate(seed, 15*time.Second)
	s := chance{seed}.stream(purposePlan, ideaBlobs+1000)
	p.Blobs = BlobPlan{Chunk: []int64{64, 256, 1024}[s.below(3)], Grace: time.Duration(s.between(300, 2000)) * time.Millisecond,
		Pin: time.Duration(s.between(2, 20)) * time.Second}
	p.Uploaders = []UploaderPlan{
		{Every: 200 * time.Millisecond, Bytes: 3000, Piece: 700, Read: 300, Patience: 2 * time.Second, Timeout: 700 * time.Millisecond},
		{Every: 500 * time.Millisecond, Bytes: 9000, Piece: 2000, Read: 600, Patience: 4 * time.Second, Timeout: 900 * time.Millisecond},
	}
	(&generator{plan: p}).room()
	return p
}

// What a person was told is safe must be there whatever else goes wrong: crashes, partitions, changes of the
// membership, disks that lose what they had, two releases at once.
func TestNoFileThatWasConfirmedIsLostInAnyWorld(t *testing.T) {
	worlds := uint64(60)
	if testing.Short() || raceEnabled {
		worlds = 8
	}
	var sum Cover
	forEachSeed(5000, 4999+worlds, func(seed uint64) *Result { return Run(filesWorld(seed), Options{}) }, func(r *Result) {
		sum.Add(&r.Cover)
		if r.Violation != nil {
			t.Errorf("seed %d: %s: %s\n%s", r.Seed, r.Verdict(), r.Violation.Reason, r.Violation.Report)
		}
	})
	for name, count := range map[string]uint64{"uploaded": sum.Uploaded, "read": sum.FilesRead, "held": sum.Held, "collected": sum.Collected} {
		require.NotZero(t, count, name)
	}
}

// The judges of files must see what they are there for.
func TestTheJudgesOfFilesSpeakWhenTheyMust(t *testing.T) {
	setup := func(t *testing.T) *World {
		p := filesWorld(1)
		p.Faults = nil
		w := newWorld(p, Options{})
		w.files = append(w.files, newFile(7, 300))
		f := &w.files[0]
		e := raft.Entry{Index: 1, Term: 1, Kind: raft.EntryCommand, Payload: f.sum[:]}
		for len(w.judges.logs.registry) < 1 {
			w.judges.logs.registry = append(w.judges.logs.registry, nil)
		}
		w.judges.logs.registry[0] = []registered{{entry: e}}
		w.judges.logs.committed = []committed{{term: 1}}
		return w
	}
	store := func(w *World, id raft.NodeID) {
		s, _, err := blob.Open(w.node(id).fs, dataDir+"/blobs", w.blobOptions())
		require.NoError(t, err)
		f := &w.files[0]
		_, err = s.BeginUpload(1)
		require.NoError(t, err)
		_, err = s.AppendUpload(1, 0, f.content)
		require.NoError(t, err)
		_, err = s.CommitUpload(1, f.sum)
		require.NoError(t, err)
	}
	for name, c := range map[string]struct {
		do   func(w *World)
		want string
	}{
		"a majority has it": {func(w *World) {
			for id := raft.NodeID(1); int(id) <= w.plan.Nodes/2+1; id++ {
				store(w, id)
			}
			w.judgeConfirmed(w.node(1), &w.files[0], 1)
		}, ""},
		"a minority has it": {func(w *World) {
			store(w, 1)
			w.judgeConfirmed(w.node(1), &w.files[0], 1)
		}, BlobDurability},
		"it is confirmed at a position that nobody committed": {func(w *World) { w.judgeConfirmed(w.node(1), &w.files[0], 3) }, BlobDurability},
		"the entry there pins another file": {func(w *World) {
			w.judges.logs.registry[0][0].entry.Payload = make([]byte, 40)
			w.judgeConfirmed(w.node(1), &w.files[0], 1)
		}, BlobDurability},
		"a copy of a majority goes away": {func(w *World) {
			for id := raft.NodeID(1); int(id) <= w.plan.Nodes/2+1; id++ {
				store(w, id)
			}
			w.judgeConfirmed(w.node(1), &w.files[0], 1)
			require.Nil(t, w.violation)
			require.NoError(t, w.node(1).fs.Remove(dataDir+"/blobs/"+w.files[0].sum.String()+".blob"))
			w.judgeBlobs()
		}, BlobDurability},
		"nothing wants it, and the log has not passed its grace": {func(w *World) { w.goesOn(t, store, w.blobOptions().Grace) }, ""},
		"nothing wants it, and it is there behind its grace":     {func(w *World) { w.goesOn(t, store, w.blobOptions().Grace+1) }, Collection},
		"what is read is something else": {func(w *World) {
			u := w.uploaders[0]
			u.stage = fileReads
			u.reads(&w.files[0], []byte("something else"))
		}, BlobContent},
		"what is read goes on behind its end": {func(w *World) {
			u := w.uploaders[0]
			u.stage = fileReads
			u.reads(&w.files[0], append(append([]byte(nil), w.files[0].content...), 1))
		}, BlobContent},
	} {
		w := setup(t)
		// The formation's configuration stands in for one in the log.
		members := raft.Configuration{}
		for id := 1; id <= w.plan.Nodes; id++ {
			members.Members = append(members.Members, raft.Member{Ident: raft.Ident{ID: raft.NodeID(id)}, Voter: true})
		}
		config := raft.Entry{Index: 2, Term: 1, Kind: raft.EntryConfig, Payload: raft.AppendConfiguration(nil, &members)}
		w.judges.logs.registry = append([][]registered{w.judges.logs.registry[0]}, []registered{{entry: config}})
		w.judges.logs.committed = append(w.judges.logs.committed, committed{term: 1})
		c.do(w)
		if c.want == "" {
			require.Nil(t, w.violation, name)
			continue
		}
		require.NotNil(t, w.violation, name)
		require.Equal(t, c.want, w.violation.Invariant, name)
	}
}

// goesOn has a member that is well hold a file that nothing wants, and the log go on for so long in good times.
func (w *World) goesOn(t *testing.T, store func(*World, raft.NodeID), by time.Duration) {
	id := w.plan.Core[0]
	store(w, id)
	w.node(id).up, w.now = true, int64(w.plan.Heal+3*collectedAfter)
	l := &w.judges.logs
	l.registry = append(l.registry, []registered{{entry: raft.Entry{Index: 3, Term: 1, Time: raft.LogTime(0).Add(by)}}})
	l.committed = append(l.committed, committed{term: 1, at: int64(w.plan.Heal + 2*collectedAfter)})
	w.judgeCollected()
	require.Equal(t, by > w.blobOptions().Grace, w.violation != nil)
}

// A new node needs the files that others have gathered. However slow bulk lanes and disks are, it must be able to get
// them in the good times, or liveness would ask for what no node can do.
func TestFilesCrossBulkLanesWithinTheGoodTimes(t *testing.T) {
	slow := 0
	for seed := range uint64(1000) {
		for _, duration := range []time.Duration{10 * time.Second, 20 * time.Second, time.Minute} {
			p := Generate(seed, duration)
			bytes := int64(0)
			for i := range p.Uploaders {
				bytes += 5 * p.Uploaders[i].Bytes
			}
			if bytes == 0 || p.Blobs.Chunk == 0 {
				continue
			}
			trips := (bytes + piecesUnderWay*p.Blobs.Chunk - 1) / (piecesUnderWay * p.Blobs.Chunk)
			takes := time.Duration(trips) * 2 * (p.Bulk.Delay + p.Bulk.Spread + p.Disk.WriteMax)
			require.Less(t, takes, (p.Duration-p.Heal)/4, "seed %d of %s", seed, duration)
			if p.Bulk.Delay > 10*time.Millisecond {
				slow++
			}
		}
	}
	require.Greater(t, slow, 100, "that all lanes are quick proves nothing")
}
