package snap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// pieces cuts a snapshot into what travels.
func pieces(t require.TestingT, s *snap.Store, info snap.Info) (out [][]byte) {
	for at := int64(0); at < info.Size; {
		p, err := s.ReadChunk(info, at, 1)
		require.NoError(t, err)
		out = append(out, p)
		at += int64(len(p))
	}
	return out
}

// transfer moves what is missing, n pieces at most.
func transfer(p *snap.Partial, from *snap.Store, info snap.Info, n int) error {
	for ; n > 0 && !p.Complete(); n-- {
		b, err := from.ReadChunk(info, p.Have(), 1)
		if err != nil {
			return err
		}
		if err := p.Append(p.Have(), b); err != nil {
			return err
		}
	}
	return nil
}

func TestADownloadIsTheSnapshotItself(t *testing.T) {
	source, from := made(t, 100)
	info := from.List()[0]
	fs, to := made(t, 50)
	p, err := to.Resume(info.ID)
	require.NoError(t, err)
	require.Zero(t, p.Have())
	_, err = p.Finish()
	require.ErrorIs(t, err, snap.ErrIncomplete)
	require.NoError(t, transfer(p, from, info, 100))
	require.Equal(t, []raft.Index{50}, indexes(to.List()), "not before it is finished")
	got, err := p.Finish()
	require.NoError(t, err)
	require.Equal(t, info, got)
	for _, s := range []*snap.Store{to, open(t, fs)} {
		require.Equal(t, []raft.Index{50, 100}, indexes(s.List()))
		require.Equal(t, info, s.List()[1])
		require.NoError(t, s.Verify(info))
	}
	a, err := source.Contents(file(100))
	require.NoError(t, err)
	b, err := fs.Contents(file(100))
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// A leader that fails in the middle of a transfer costs nothing of what arrived.
func TestADownloadGoesOnAfterACrashAndFromAnotherPeer(t *testing.T) {
	_, one := made(t, 100)
	_, two := made(t, 100)
	info := one.List()[0]
	fs := memfs.New(1)
	p, err := open(t, fs).Resume(info.ID)
	require.NoError(t, err)
	require.NoError(t, transfer(p, one, info, 3))
	have := p.Have()
	fs.CrashProcess()

	s := open(t, fs)
	p, err = s.Resume(info.ID)
	require.NoError(t, err)
	require.Equal(t, have, p.Have())
	require.NoError(t, transfer(p, two, info, 100))
	_, err = p.Finish()
	require.NoError(t, err)
	require.NoError(t, s.Verify(info))
}

func TestWhatIsThereIsSkippedAndAGapIsIgnored(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	all := pieces(t, from, info)
	p, err := open(t, memfs.New(1)).Resume(info.ID)
	require.NoError(t, err)
	first := int64(len(all[0]))
	require.NoError(t, p.Append(first, all[1]))
	require.Zero(t, p.Have(), "the header is missing")
	require.NoError(t, p.Append(0, all[0]))
	require.NoError(t, p.Append(0, all[0]))
	require.Equal(t, first, p.Have())
	require.NoError(t, p.Append(0, append(append([]byte(nil), all[0]...), all[1]...)))
	require.Equal(t, first+int64(len(all[1])), p.Have(), "the new part is taken")
	require.NoError(t, p.Append(-1, all[0]))
	require.NoError(t, p.Append(1<<60, all[0]))
	require.NoError(t, p.Append(p.Have(), nil))
	require.NoError(t, transfer(p, from, info, 100))
	_, err = p.Finish()
	require.NoError(t, err)
}

func TestAPieceThatIsNotWhatItShouldBeIsRefusedAndTheDownloadGoesOn(t *testing.T) {
	_, from := made(t, 100, 101)
	info, other := from.List()[0], from.List()[1]
	good, foreign := pieces(t, from, info), pieces(t, from, other)
	require.Len(t, good, len(foreign))
	for i := range good {
		p, err := open(t, memfs.New(1)).Resume(info.ID)
		require.NoError(t, err)
		require.NoError(t, transfer(p, from, info, i))
		at := p.Have()
		flipped := append([]byte(nil), good[i]...)
		flipped[len(flipped)/2] ^= 4
		swapped := good[max(1, (i+1)%len(good))]
		for name, b := range map[string][]byte{
			"flipped": flipped, "cut short": good[i][:len(good[i])-1], "of another snapshot": foreign[i], "of another place": swapped,
		} {
			err := p.Append(at, b)
			var refused *snap.TransferError
			require.ErrorAs(t, err, &refused, "piece %d, %s", i, name)
			require.Equal(t, at, refused.Offset)
			require.Equal(t, at, p.Have())
		}
		require.NoError(t, transfer(p, from, info, 100))
		_, err = p.Finish()
		require.NoError(t, err)
	}
}

// All pieces can be right by themselves and come from two snapshots: of nodes that differ.
func TestPiecesThatDoNotMakeTheSnapshotBeginTheDownloadAnew(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	_, liar := made(t)
	lie, err := liar.Create(baseAt(100), hashAt(100), contents([]byte(strings.Replace(string(bodyAt(100)), "state", "taste", 1))))
	require.NoError(t, err)
	require.Equal(t, info.Size, lie.Size)

	fs := memfs.New(1)
	s := open(t, fs)
	p, err := s.Resume(info.ID)
	require.NoError(t, err)
	require.NoError(t, transfer(p, liar, lie, 3))
	err = transfer(p, from, info, 100)
	var refused *snap.TransferError
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, "snap: download of the snapshot at entry 100, offset 626: the SHA-256 of the whole is another")
	require.Zero(t, p.Have())
	require.NoError(t, transfer(p, from, info, 100))
	_, err = p.Finish()
	require.NoError(t, err)
	require.NoError(t, s.Verify(info))
}

func TestADownloadWhoseFileRottedIsBelievedUpToThere(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	all := pieces(t, from, info)
	whole := memfs.New(1)
	p, err := open(t, whole).Resume(info.ID)
	require.NoError(t, err)
	require.NoError(t, transfer(p, from, info, 100))
	require.NoError(t, p.Close())
	names, err := whole.List(dir)
	require.NoError(t, err)
	part := dir + "/" + names[0]
	start := int64(0)
	for i := range all {
		fs := whole.Clone()
		require.NoError(t, fs.FlipBit(part, start*8+17))
		s := open(t, fs)
		p, err := s.Resume(info.ID)
		require.NoError(t, err)
		require.Equal(t, start, p.Have(), "piece %d", i)
		require.NoError(t, transfer(p, from, info, 100))
		_, err = p.Finish()
		require.NoError(t, err)
		require.NoError(t, s.Verify(info))
		start += int64(len(all[i]))
	}
}

// The process may end between the last piece and the answer to it.
func TestADownloadThatIsFoundCompleteAndWrongBeginsAnew(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	_, liar := made(t)
	lie, err := liar.Create(baseAt(100), hashAt(7), contents(bodyAt(100)))
	require.NoError(t, err)
	fs := memfs.New(1)
	s := open(t, fs)
	f, err := fs.Create(fmt.Sprintf("%s/%020d-%x.part", dir, 100, info.Sum))
	require.NoError(t, err)
	at := int64(0)
	last := pieces(t, from, info)
	for i, b := range pieces(t, liar, lie) {
		if i == len(last)-1 {
			b = last[i]
		}
		_, err := f.WriteAt(b, at)
		require.NoError(t, err)
		at += int64(len(b))
	}
	p, err := s.Resume(info.ID)
	require.NoError(t, err)
	require.Zero(t, p.Have())
	require.NoError(t, transfer(p, from, info, 100))
	_, err = p.Finish()
	require.NoError(t, err)
}

func TestWhatStandsBehindADownloadDoesNotBecomePartOfTheSnapshot(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	fs := memfs.New(1)
	s := open(t, fs)
	p, err := s.Resume(info.ID)
	require.NoError(t, err)
	require.NoError(t, transfer(p, from, info, 100))
	require.NoError(t, p.Close())
	f, err := fs.Open(fmt.Sprintf("%s/%020d-%x.part", dir, 100, info.Sum))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("astray"), info.Size)
	require.NoError(t, err)
	p, err = s.Resume(info.ID)
	require.NoError(t, err)
	require.True(t, p.Complete())
	_, err = p.Finish()
	require.NoError(t, err)
	require.NoError(t, s.Verify(info))
}

func TestAnotherOfferDropsTheDownloadThatWasBegun(t *testing.T) {
	_, from := made(t, 100, 200)
	fs := memfs.New(1)
	s := open(t, fs)
	for _, info := range from.List() {
		p, err := s.Resume(info.ID)
		require.NoError(t, err)
		require.NoError(t, transfer(p, from, info, 2))
		require.NoError(t, p.Close())
	}
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.True(t, strings.HasPrefix(names[0], "00000000000000000200-"))
	p, err := s.Resume(from.List()[1].ID)
	require.NoError(t, err)
	require.NoError(t, p.Drop())
	names, err = fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestAFullDiskEndsADownloadThatCanBeTakenUp(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	fs := memfs.New(1)
	s := open(t, fs)
	fs.SetCapacity(info.Size - 1)
	p, err := s.Resume(info.ID)
	require.NoError(t, err)
	err = transfer(p, from, info, 100)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.ErrorContains(t, err, "free space on the disk")
	require.Equal(t, err, p.Append(0, nil), "it has ended")
	fs.SetCapacity(0)
	p, err = s.Resume(info.ID)
	require.NoError(t, err)
	require.Positive(t, p.Have())
	require.NoError(t, transfer(p, from, info, 100))
	_, err = p.Finish()
	require.NoError(t, err)
	require.NoError(t, s.Verify(info))
}

// After a sync that failed nobody knows what the disk has of a file; a later sync that succeeds says
// nothing about it.
func TestADownloadWhoseSyncFailedBeginsAnew(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	fs := memfs.New(1)
	s := open(t, fs)
	p, err := s.Resume(info.ID)
	require.NoError(t, err)
	require.NoError(t, transfer(p, from, info, 100))
	fail(fs, memfs.OpSync)
	_, err = p.Finish()
	require.ErrorIs(t, err, vfs.ErrIO)
	fs.SetHook(nil)
	p, err = s.Resume(info.ID)
	require.NoError(t, err)
	require.Zero(t, p.Have())
}

// However the pieces come, in whatever portions, twice or out of order, with crashes between, the
// download ends as the snapshot that was offered.
func TestAnyOrderOfPiecesEndsInTheSnapshot(t *testing.T) {
	_, from := made(t, 100)
	info := from.List()[0]
	all := pieces(t, from, info)
	starts := []int64{0}
	for _, b := range all {
		starts = append(starts, starts[len(starts)-1]+int64(len(b)))
	}
	raw, err := from.ReadChunk(info, 0, 1<<20)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		fs := memfs.New(1)
		s := open(t, fs)
		p, err := s.Resume(info.ID)
		require.NoError(t, err)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			have := p.Have()
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				fs.CrashProcess()
				s = open(t, fs)
				p, err = s.Resume(info.ID)
				require.NoError(t, err)
				require.Equal(t, have, p.Have())
			case 1:
				fs.CrashMachine(memfs.Chance(rapid.Uint64().Draw(t, "crash")))
				s = open(t, fs)
				p, err = s.Resume(info.ID)
				require.NoError(t, err)
				// More than before, if the disk had what a crash before seemed to have taken.
			default:
				i := rapid.IntRange(0, len(all)-1).Draw(t, "from")
				j := rapid.IntRange(i, len(all)).Draw(t, "to")
				require.NoError(t, p.Append(starts[i], raw[starts[i]:starts[j]]))
				if starts[i] <= have {
					require.Equal(t, max(have, starts[j]), p.Have())
				} else {
					require.Equal(t, have, p.Have())
				}
			}
		}
		require.NoError(t, transfer(p, from, info, 100))
		got, err := p.Finish()
		require.NoError(t, err)
		require.Equal(t, info, got)
		fs.CrashMachine(memfs.DropAll)
		s = open(t, fs)
		require.Equal(t, []snap.Info{info}, s.List())
		require.NoError(t, s.Verify(info))
	})
}
