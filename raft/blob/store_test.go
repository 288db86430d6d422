package blob

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

const dir = "blobs"

// small has chunks that a test fills.
var small = Options{ChunkBytes: 64, BlobBytesMax: 4096, UploadsMax: 3}

func openStore(t require.TestingT, fs vfs.FS) (*Store, Found) {
	s, found, err := Open(fs, dir, small)
	require.NoError(t, err)
	return s, found
}

// content is n bytes that differ by key.
func content(key, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(raft.Mix(uint64(key), uint64(i)))
	}
	return p
}

// put uploads content in uneven pieces.
func put(s *Store, id uint64, p []byte) (Held, error) {
	if _, err := s.BeginUpload(id); err != nil {
		return Held{}, err
	}
	for off := 0; off < len(p); {
		n := min(50, len(p)-off)
		if _, err := s.AppendUpload(id, int64(off), p[off:off+n]); err != nil {
			return Held{}, err
		}
		off += n
	}
	return s.CommitUpload(id, SumOf(p))
}

// pull fetches content as a replicator does, the last chunk first.
func pull(s *Store, p []byte) (Held, error) {
	sum := SumOf(p)
	have, err := s.Begin(sum, int64(len(p)))
	if errors.Is(err, ErrChanged) {
		h, _ := s.Get(sum)
		return h, nil
	}
	if err != nil {
		return Held{}, err
	}
	l := layout{chunk: int64(s.o.ChunkBytes)}
	for i := l.chunks(int64(len(p))) - 1; i >= 0; i-- {
		if bitmap(have).has(i) {
			continue
		}
		if err := s.Write(sum, i, p[i*l.chunk:i*l.chunk+l.length(i, int64(len(p)))]); err != nil {
			return Held{}, err
		}
	}
	return s.Commit(sum)
}

func read(t require.TestingT, s *Store, p []byte) {
	got, err := s.Read(SumOf(p), 0, len(p)+10)
	require.NoError(t, err)
	require.True(t, bytes.Equal(p, got))
}

func TestABlobComesBackByteForByteHoweverItCame(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 128, 200, 4096} {
		s, _ := openStore(t, memfs.New(1))
		up, down := content(1, n), content(2, n)
		h, err := put(s, 7, up)
		require.NoError(t, err)
		require.Equal(t, Held{Sum: SumOf(up), Size: int64(n), Gen: 1}, h)
		if n > 0 {
			_, err = pull(s, down)
			require.NoError(t, err)
			read(t, s, down)
		}
		read(t, s, up)
		for off := range n {
			got, err := s.Read(SumOf(up), int64(off), 70)
			require.NoError(t, err)
			require.Equal(t, up[off:min(n, off+70)], got)
		}
		_, again, err := Open(s.fs, dir, small)
		require.NoError(t, err)
		require.Len(t, again.Held, min(n, 1)+1)
		require.Empty(t, again.Parts)
		require.Empty(t, again.Uploads)
	}
}

// Sizes come from clients and peers; what they ask for must not fill the disk.
func TestABlobBeyondTheBoundIsRefused(t *testing.T) {
	s, _ := openStore(t, memfs.New(1))
	var large *TooLargeError
	_, err := put(s, 1, content(1, 4097))
	require.ErrorAs(t, err, &large)
	_, err = s.Begin(Sum{1}, 4097)
	require.ErrorAs(t, err, &large)
	require.EqualError(t, err, "blob of 4097 bytes: at most 4096 are taken")
}

func TestContentThatIsNotWhatItsNameSaysIsNeverHeld(t *testing.T) {
	s, _ := openStore(t, memfs.New(1))
	_, err := s.BeginUpload(1)
	require.NoError(t, err)
	_, err = s.AppendUpload(1, 0, []byte("this"))
	require.NoError(t, err)
	_, err = s.CommitUpload(1, SumOf([]byte("that")))
	var sum *SumError
	require.ErrorAs(t, err, &sum)
	_, err = s.Begin(SumOf([]byte("that")), 4)
	require.NoError(t, err)
	require.NoError(t, s.Write(SumOf([]byte("that")), 0, []byte("this")))
	_, err = s.Commit(SumOf([]byte("that")))
	require.ErrorAs(t, err, &sum)
	require.Equal(t, FaultSum, faultOf(err))
	names, err := s.fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names, "nothing of it stays")
}

func TestAnUploadGoesOnWhereItWasAndNowhereElse(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 300)
	_, err := s.BeginUpload(9)
	require.NoError(t, err)
	off, err := s.AppendUpload(9, 0, p[:150])
	require.NoError(t, err)
	require.EqualValues(t, 150, off)
	_, err = s.AppendUpload(9, 100, p[100:])
	require.EqualError(t, err, "upload goes on at offset 150, not 100")
	off, err = s.BeginUpload(9)
	require.NoError(t, err)
	require.EqualValues(t, 150, off)

	fs.CrashProcess()
	s, found := openStore(t, fs)
	require.Equal(t, []uint64{9}, found.Uploads)
	_, err = s.AppendUpload(9, 150, p[150:])
	require.ErrorIs(t, err, ErrNoUpload, "who comes back asks where to go on")
	off, err = s.BeginUpload(9)
	require.NoError(t, err)
	require.EqualValues(t, 128, off, "full chunks are kept")
	_, err = s.AppendUpload(9, off, p[off:])
	require.NoError(t, err)
	_, err = s.CommitUpload(9, SumOf(p))
	require.NoError(t, err)
	read(t, s, p)
}

func TestUploadsAreBoundedInNumberAndCanBeAbandoned(t *testing.T) {
	s, _ := openStore(t, memfs.New(1))
	for id := range uint64(3) {
		_, err := s.BeginUpload(id)
		require.NoError(t, err)
	}
	_, err := s.BeginUpload(3)
	require.ErrorIs(t, err, ErrBusy)
	s.AbandonUpload(1)
	_, err = s.BeginUpload(3)
	require.NoError(t, err)
	_, err = s.AppendUpload(1, 0, []byte("x"))
	require.ErrorIs(t, err, ErrNoUpload)
}

// A fetch that breaks off must not begin at zero: a large blob would never arrive over a bad
// link.
func TestAFetchGoesOnWithTheChunksThatAreThere(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 300)
	sum := SumOf(p)
	_, err := s.Begin(sum, 300)
	require.NoError(t, err)
	require.NoError(t, s.Write(sum, 3, p[192:256]))
	require.NoError(t, s.Write(sum, 4, p[256:]))
	_, err = s.Commit(sum)
	require.ErrorIs(t, err, ErrMissing, "not all of it is there")
	fs.CrashProcess()
	s, found := openStore(t, fs)
	require.Equal(t, []Sum{sum}, found.Parts)
	have, err := s.Begin(sum, 300)
	require.NoError(t, err)
	require.Equal(t, []uint64{1<<3 | 1<<4}, have)
	got, err := s.ReadPiece(sum, 192, 64)
	require.NoError(t, err, "others may have what is here already")
	require.Equal(t, p[192:256], got)
	_, err = s.ReadPiece(sum, 0, 64)
	require.ErrorIs(t, err, ErrMissing)
	_, err = pull(s, p)
	require.NoError(t, err)
	read(t, s, p)
}

// A removal is decided on what was known; a copy that was stored since is not meant.
func TestARemovalMeansTheCopyThatItNames(t *testing.T) {
	s, _ := openStore(t, memfs.New(1))
	p := content(1, 100)
	first, err := put(s, 1, p)
	require.NoError(t, err)
	second, err := put(s, 2, p)
	require.NoError(t, err)
	require.ErrorIs(t, s.Remove(first.Sum, first.Gen), ErrChanged)
	read(t, s, p)
	require.NoError(t, s.Remove(second.Sum, second.Gen))
	_, err = s.Read(second.Sum, 0, 1)
	require.ErrorIs(t, err, ErrMissing)
	names, err := s.fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

// Every bit of a blob's file is covered: whichever flips, the blob is found damaged before a byte of
// it is served, counts as missing, and is repaired from its good chunks.
func TestEveryFlippedBitOfABlobIsFoundAndRepaired(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 150)
	sum := SumOf(p)
	_, err := put(s, 1, p)
	require.NoError(t, err)
	name := dir + "/" + fileName(sum, suffixBlob)
	file, err := fs.Contents(name)
	require.NoError(t, err)
	kept := 0
	for bit := range int64(len(file) * 8) {
		fs := fs.Clone()
		s, _ := openStore(t, fs)
		require.NoError(t, fs.FlipBit(name, bit))
		var err error
		if bit%2 == 0 {
			_, err = s.Read(sum, 0, 150)
		} else {
			for off := int64(0); err == nil && off < 150; {
				off, err = s.Verify(sum, off, 60)
			}
		}
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, "bit %d", bit)
		require.LessOrEqual(t, damaged.Offset, bit/8, "bit %d: %v", bit, err)
		_, err = s.Read(sum, 0, 1)
		require.ErrorIs(t, err, ErrMissing, "bit %d", bit)

		_, found := openStore(t, fs.Clone())
		require.Empty(t, found.Held, "a restart does not forget")
		have, err := s.Begin(sum, 150)
		require.NoError(t, err)
		for i := range int64(3) {
			if bitmap(have).has(i) {
				kept++
			}
		}
		_, err = pull(s, p)
		require.NoError(t, err, "bit %d", bit)
		read(t, s, p)
	}
	require.Greater(t, kept, len(file)*8, "most chunks were not fetched again")
}

// Damage that is there when the store opens is found then, if it is in header or trailer, or when
// the bytes are read.
func TestADamagedFileIsNotHeldAfterAStart(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 150)
	_, err := put(s, 1, p)
	require.NoError(t, err)
	name := dir + "/" + fileName(SumOf(p), suffixBlob)
	for what, harm := range map[string]func(*memfs.FS) error{
		"header":  func(fs *memfs.FS) error { return fs.FlipBit(name, 150) },
		"trailer": func(fs *memfs.FS) error { return fs.FlipBit(name, (32+150+12+20)*8) },
		"cut off": func(fs *memfs.FS) error {
			f, err := fs.Open(name)
			require.NoError(t, err)
			return f.Truncate(200)
		},
		"empty": func(fs *memfs.FS) error {
			f, err := fs.Open(name)
			require.NoError(t, err)
			return f.Truncate(0)
		},
		"grown": func(fs *memfs.FS) error {
			f, err := fs.Open(name)
			require.NoError(t, err)
			return f.Truncate(1000)
		},
	} {
		fs := fs.Clone()
		require.NoError(t, harm(fs), what)
		s, found := openStore(t, fs)
		require.Empty(t, found.Held, what)
		require.Equal(t, []Sum{SumOf(p)}, found.Parts, what)
		_, err := pull(s, p)
		require.NoError(t, err, what)
		read(t, s, p)
	}
}

// A write that landed in another place, or in another blob's file, has good bytes and a good
// checksum; they are not those of this chunk.
func TestAChunkOfAnotherPlaceIsDamage(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p, q := content(1, 256), content(2, 256)
	_, err := put(s, 1, p)
	require.NoError(t, err)
	_, err = put(s, 2, q)
	require.NoError(t, err)
	mine, other := dir+"/"+fileName(SumOf(p), suffixBlob), dir+"/"+fileName(SumOf(q), suffixBlob)
	l := layout{chunk: 64}
	for what, from := range map[string]struct {
		name  string
		chunk int64
	}{"of this blob": {mine, 2}, "of another": {other, 1}} {
		fs := fs.Clone()
		s, _ := openStore(t, fs)
		b, err := fs.Contents(from.name)
		require.NoError(t, err)
		at := l.place(from.chunk)
		require.NoError(t, fs.Overwrite(mine, l.place(1), b[at:at+68]))
		_, err = s.Read(SumOf(p), 64, 1)
		require.Equal(t, FaultDamaged, faultOf(err), what)
	}
	b, err := fs.Contents(other)
	require.NoError(t, err)
	require.NoError(t, fs.Overwrite(mine, 0, b))
	_, err = s.Read(SumOf(p), 0, 1)
	require.ErrorContains(t, err, "another blob's")
}

func TestANewerFormatIsRefusedAndLeftAlone(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	_, err := put(s, 1, content(1, 10))
	require.NoError(t, err)
	name := dir + "/" + fileName(SumOf(content(1, 10)), suffixBlob)
	head := le.AppendUint32([]byte(fileMagic), formatVersion+1)
	require.NoError(t, fs.Overwrite(name, 0, le.AppendUint32(head, checksum(head))))
	before, err := fs.Contents(name)
	require.NoError(t, err)
	_, _, err = Open(fs, dir, small)
	var newer *FormatError
	require.ErrorAs(t, err, &newer)
	require.ErrorContains(t, err, "was written by a newer Parley: format 2, this build reads up to 1")
	after, err := fs.Contents(name)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A full disk refuses what is new, loses nothing that is held, and has its room back.
func TestAFullDiskRefusesWhatIsNewAndKeepsWhatIsHeld(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p, q := content(1, 500), content(2, 500)
	_, err := put(s, 1, p)
	require.NoError(t, err)
	fs.SetCapacity(900)
	_, err = put(s, 2, q)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.Equal(t, FaultNoSpace, faultOf(err))
	_, err = pull(s, q)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	read(t, s, p)
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 1)
	fs.SetCapacity(0)
	_, err = pull(s, q)
	require.NoError(t, err)
}

// The bytes on disk never change under a version: files outlive releases.
func TestTheFormatOfABlobStandsStill(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := []byte(strings.Repeat("golden ", 20))
	_, err := put(s, 0x0102030405060708, p)
	require.NoError(t, err)
	_, err = pull(s, []byte("short"))
	require.NoError(t, err)
	var got strings.Builder
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		file, err := fs.Contents(dir + "/" + name)
		require.NoError(t, err)
		fmt.Fprintf(&got, "%s\n", name)
		for at := 0; at < len(file); at += 16 {
			fmt.Fprintf(&got, "%04x  % x\n", at, file[at:min(at+16, len(file))])
		}
	}
	golden(t, "testdata/blob.golden", got.String())

	// Old files stay readable.
	text, err := os.ReadFile("testdata/blob.golden")
	require.NoError(t, err)
	old := memfs.New(2)
	require.NoError(t, old.MkdirAll(dir))
	var file vfs.File
	for line := range strings.Lines(string(text)) {
		if at, b, isBytes := strings.Cut(line, "  "); isBytes {
			var off int64
			_, err := fmt.Sscanf(at, "%x", &off)
			require.NoError(t, err)
			raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(b), " ", ""))
			require.NoError(t, err)
			_, err = file.WriteAt(raw, off)
			require.NoError(t, err)
			continue
		}
		file, err = old.Create(dir + "/" + strings.TrimSpace(line))
		require.NoError(t, err)
	}
	s, _ = openStore(t, old)
	read(t, s, p)
	read(t, s, []byte("short"))
}

func golden(t *testing.T, file, got string) {
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// Whatever bytes a file has, the store says what it is, and does not panic.
func FuzzOpen(f *testing.F) {
	fs := memfs.New(1)
	s, _, err := Open(fs, dir, small)
	require.NoError(f, err)
	_, err = put(s, 1, content(1, 100))
	require.NoError(f, err)
	sum := SumOf(content(1, 100))
	good, err := fs.Contents(dir + "/" + fileName(sum, suffixBlob))
	require.NoError(f, err)
	f.Add(good, uint8(0))
	f.Add(good[:60], uint8(1))
	f.Add([]byte{}, uint8(3))
	f.Fuzz(func(t *testing.T, file []byte, kind uint8) {
		fs := memfs.New(1)
		require.NoError(t, fs.MkdirAll(dir))
		name := fileName(sum, []string{suffixBlob, suffixPart, suffixNew, suffixTry}[kind%4])
		w, err := fs.Create(dir + "/" + name)
		require.NoError(t, err)
		_, err = w.WriteAt(file, 0)
		require.NoError(t, err)
		s, _, err := Open(fs, dir, small)
		if err != nil {
			var newer *FormatError
			require.ErrorAs(t, err, &newer)
			return
		}
		if got, err := s.Read(sum, 0, 100); err == nil {
			require.Equal(t, content(1, 100), got)
		}
		_, err = pull(s, content(1, 100))
		require.NoError(t, err)
		read(t, s, content(1, 100))
	})
}

// The store is a map from sums to contents, whatever is done to it in whatever order.
func TestAStoreIsTheMapThatItsCallsAddUpTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := memfs.New(1)
		s, _ := openStore(t, fs)
		model := map[int]Held{}
		key := rapid.IntRange(0, 5)
		size := func(k int) int { return k * 37 }
		t.Repeat(map[string]func(*rapid.T){
			"upload": func(t *rapid.T) {
				k := key.Draw(t, "key")
				h, err := put(s, uint64(k), content(k, size(k)))
				require.NoError(t, err)
				model[k] = h
			},
			"fetch": func(t *rapid.T) {
				k := key.Draw(t, "key")
				h, err := pull(s, content(k, size(k)))
				require.NoError(t, err)
				model[k] = h
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				require.NoError(t, s.Remove(SumOf(content(k, size(k))), model[k].Gen))
				delete(model, k)
			},
			"damage": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if _, ok := model[k]; !ok {
					return
				}
				name := dir + "/" + fileName(SumOf(content(k, size(k))), suffixBlob)
				file, err := fs.Contents(name)
				require.NoError(t, err)
				require.NoError(t, fs.FlipBit(name, int64(rapid.IntRange(0, len(file)*8-1).Draw(t, "bit"))))
				_, err = s.Read(SumOf(content(k, size(k))), 0, size(k))
				require.Equal(t, FaultDamaged, faultOf(err))
				delete(model, k)
			},
			"restart": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "machine") {
					fs.CrashMachine(memfs.DropAll)
				} else {
					fs.CrashProcess()
				}
				var found Found
				s, found = openStore(t, fs)
				// Removals need not have reached the disk.
				for k := range 6 {
					at, ok := s.find(SumOf(content(k, size(k))))
					if _, want := model[k]; want {
						require.True(t, ok)
					}
					delete(model, k)
					if ok {
						model[k] = s.held[at]
					}
				}
				require.Equal(t, s.List(), found.Held)
			},
			"": func(t *rapid.T) {
				require.Len(t, s.List(), len(model))
				for k, h := range model {
					got, ok := s.Get(SumOf(content(k, size(k))))
					require.True(t, ok)
					require.Equal(t, h, got)
					read(t, s, content(k, size(k)))
				}
			},
		})
	})
}
