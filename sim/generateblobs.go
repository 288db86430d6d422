package sim

import "time"

// blobs draws who uploads files, in some worlds, and for how long what is pinned is wanted: from shorter than
// an upload takes to longer than the run.
func (g *generator) blobs() {
	s := g.stream(ideaBlobs)
	if !s.perMille(400) {
		return
	}
	p := g.plan
	p.Blobs = BlobPlan{
		Chunk: []int64{64, 256, 1024}[s.below(3)],
		Pin:   time.Duration(s.between(1000, 30_000)) * time.Millisecond,
		Grace: time.Duration(s.between(300, 3000)) * time.Millisecond,
	}
	for range 1 + s.below(2) {
		p.Uploaders = append(p.Uploaders, UploaderPlan{
			Every:    time.Duration(s.between(150, 1200)) * time.Millisecond,
			Bytes:    []int64{500, 3000, 8000}[s.below(3)],
			Piece:    s.between(100, 2000),
			Read:     s.between(100, 600),
			Patience: time.Duration(s.between(1000, 5000)) * time.Millisecond,
			Timeout:  time.Duration(s.between(400, 1500)) * time.Millisecond,
		})
	}
}
