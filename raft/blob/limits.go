package blob

import "time"

// Options are what store and replicator are told. Sizes are part of what files
// mean to one another: all nodes of a cluster should have the same. Zero fields take
// the defaults; tests and the simulator choose small ones.
//
// A replicator's worst case, beside its output, is about
//
//	  blobs that are wanted or held x (200 B + 48 B)       (1 GiB for 4 million; 25 MiB for 100,000)
//	+ ConfirmsMax x 120 B                                  ( 30 KiB)
//	+ FetchesMax x BlobBytesMax / ChunkBytes x 8.25 B      ( 33 KiB)
//	+ FetchBytesMax + ServeBytesMax                        ( 20 MiB)
//
// The number of blobs is bounded where they come to be wanted (Rules) and by the disk. What the
// transport must be able to queue for one peer on the bulk stream without dropping is
// FetchBytesMax, since a peer has no more outstanding.
type Options struct {
	// BlobBytesMax bounds one blob: large enough for what a team drags into a chat,
	// small enough that hashing it takes a fraction of a second.
	BlobBytesMax int64
	// ChunkBytes is the content in one chunk of a file and in one message: 64 KiB is a
	// millisecond of a slow link, so that no vote waits long behind one, and its frame is under
	// one part in a thousand.
	ChunkBytes int
	// UploadsMax bounds the uploads begun and not committed, each with a file.
	UploadsMax int
	// ConfirmsMax bounds the uploads that wait for a majority.
	ConfirmsMax int
	// OffersMax bounds the blobs fetched for others' confirmations alone, which no
	// replicated state names yet. Beyond it the others ask again.
	OffersMax int
	// FetchesMax bounds the blobs fetched at a time: a few keep the link busy while one waits for
	// its commit.
	FetchesMax int
	// FetchBytesMax bounds chunks asked for and not yet written, over all fetches: 40 ms of
	// 100 MB/s.
	FetchBytesMax int
	// WindowChunks bounds them for one fetch: 1 MiB is 10 ms of 100 MB/s.
	WindowChunks int
	// ServeBytesMax bounds chunks being read for peers: what four peers have outstanding.
	// Beyond it they are told to come back.
	ServeBytesMax int
	// RemovesMax bounds the removals under way, so that a mass of old files does not hold
	// the disk from new ones.
	RemovesMax int
	// ScrubEvery is how often a piece of a held blob is read and checked, and ScrubBytes
	// how much: 1 MiB a second is 86 GB a day and a hundredth of a slow disk.
	ScrubEvery time.Duration
	ScrubBytes int
	// Patience is how long a peer from which chunks are due may be silent before they are asked
	// of another: a window takes that long at 1 Mbit/s.
	Patience time.Duration
	// RetryMax bounds the pause before a failed fetch begins again; it doubles up to there, from
	// a second on.
	RetryMax time.Duration
	// DiskPause is the pause after this node's own disk failed a fetch: somebody has to
	// make room.
	DiskPause time.Duration
	// Grace is for how much log time a blob is kept that nothing wants: from a
	// promise to an uploader on, or from when it came to be unwanted. It must exceed the time
	// from the last acknowledgement to the pin in the log, which takes seconds.
	Grace time.Duration
}

const (
	// chunkBytesMin and chunkBytesLimit bound the chunk size that a file or message may
	// claim: what a reader must be ready to hold.
	chunkBytesMin   = 64
	chunkBytesLimit = 1 << 20
	// blobBytesLimit bounds the size that a message may claim.
	blobBytesLimit = 1 << 40
	// sumsMax bounds the sums in one message: 32 KiB of them.
	sumsMax = 1 << 10
	// askBatchMax bounds the blobs that one Step asks for: a lost disk's worth is asked for
	// piece by piece.
	askBatchMax = 256
	// membersMax is one more than the protocol allows: members are bits in a word.
	membersMax = 64
)

const (
	// patience is the default of Options.Patience.
	patience = 10 * time.Second
	// busyPause is how long a peer that said "busy" is left alone.
	busyPause = 100 * time.Millisecond
	// retryMin is the first pause before a failed fetch begins again, retryMax the default of Options.RetryMax.
	retryMin = time.Second
	retryMax = 32 * time.Second
	// diskPause is the default of Options.DiskPause.
	diskPause = 30 * time.Second
	// offerEvery is how often an upload is offered to voters that did not acknowledge it.
	offerEvery = time.Second
	// offerPatience is how long an offer that is not repeated keeps a fetch alive.
	offerPatience = 30 * time.Second
	// confirmPatience is how long a majority is waited for: a blob of full size reaches
	// slow peers within it, and the caller may ask again.
	confirmPatience = 2 * time.Minute
	// listEvery is how often each peer is asked for a page of what it holds: 32 KiB/s a
	// peer at most, and all of 100,000 blobs in under two minutes.
	listEvery = time.Second
	// uploadIdleMax is how long an upload that nobody continues keeps its file: a night, so that
	// a client may come back in the morning.
	uploadIdleMax = 12 * time.Hour
)

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if o.BlobBytesMax == 0 {
		o.BlobBytesMax = 64 << 20
	}
	if o.ScrubEvery == 0 {
		o.ScrubEvery = time.Second
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Minute
	}
	if o.Patience == 0 {
		o.Patience = patience
	}
	if o.RetryMax == 0 {
		o.RetryMax = retryMax
	}
	if o.DiskPause == 0 {
		o.DiskPause = diskPause
	}
	def(&o.ChunkBytes, 64<<10)
	def(&o.UploadsMax, 256)
	def(&o.ConfirmsMax, 256)
	def(&o.OffersMax, 64)
	def(&o.FetchesMax, 4)
	def(&o.FetchBytesMax, 4<<20)
	def(&o.WindowChunks, 16)
	def(&o.ServeBytesMax, 16<<20)
	def(&o.RemovesMax, 8)
	def(&o.ScrubBytes, 1<<20)
	o.ChunkBytes = min(max(o.ChunkBytes, chunkBytesMin), chunkBytesLimit)
	// Less than a chunk would never let one through.
	o.FetchBytesMax = max(o.FetchBytesMax, o.ChunkBytes)
	o.ServeBytesMax = max(o.ServeBytesMax, chunkBytesLimit)
	return o
}
