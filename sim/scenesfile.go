package sim

import (
	"time"

	"parley/raft"
)

// Scenes of files that are confirmed while something changes.

// files is a world of many small uploads, whose copies are forgotten soon if nothing pins them.
func (g *generator) files(s *stream) {
	p := g.plan
	g.allWell()
	p.Old, p.OldLevel = nil, 0
	p.Blobs = BlobPlan{Chunk: 256, Pin: 4 * time.Second, Grace: time.Duration(s.between(300, 900)) * time.Millisecond}
	p.Uploaders = nil
	for range 3 {
		p.Uploaders = append(p.Uploaders, UploaderPlan{
			Every: time.Duration(s.between(30, 120)) * time.Millisecond, Bytes: 600, Piece: 1000, Read: 50,
			Patience: 5 * time.Second, Timeout: 1500 * time.Millisecond,
		})
	}
}

// latePin holds what a node tells the leader, for so long that those who confirmed its files begin to forget them, or that the
// membership is another when the pins arrive.
func (g *generator) latePin(s *stream) []Fault {
	p := g.plan
	ids := g.shuffled(s)
	leader, who := ids[0], ids[1]
	clog := Fault{Kind: Clog, From: who, To: leader, At: 700 * time.Millisecond, For: p.Blobs.Grace * time.Duration(s.between(400, 2500)) / 1000}
	return []Fault{{Kind: Transfer, Node: Target(leader)}, clog}
}

// turnoverOfFiles is a world in which files are uploaded while members come and go, and what a node tells the leader arrives behind that.
func (g *generator) turnoverOfFiles(s *stream) {
	g.files(s)
	g.turnover(s)
	p := g.plan
	p.Blobs.Grace = time.Duration(s.between(2000, 5000)) * time.Millisecond
	if s.perMille(500) {
		for i := range p.Uploaders {
			p.Uploaders[i].Bytes, p.Uploaders[i].Every = 4000, 400*time.Millisecond
		}
	}
	if s.perMille(500) {
		p.Bulk = BulkPlan{Delay: time.Duration(s.between(1000, 10_000)) * time.Microsecond}
	}
	p.Link.Tail, p.Link.TailMax = s.between(10, 100), time.Duration(s.between(20, 200))*time.Millisecond
	p.Link.FIFO = false
	at := time.Duration(s.between(2500, 4000)) * time.Millisecond
	p.Spares = nodesMax - p.Nodes
	in, out := g.shuffled(s), []raft.NodeID(nil)
	for id := p.Nodes + 1; id <= p.servers(); id++ {
		out = append(out, raft.NodeID(id))
	}
	for len(out) > 0 && at < g.lastTrouble() {
		leader, who := in[len(in)-1], in[len(in)-2]
		late := Fault{Kind: Clog, From: who, To: leader, At: at + 700*time.Millisecond, For: time.Duration(s.between(200, 1000)) * time.Millisecond}
		change := Fault{Kind: AddNode, Node: Target(out[0]), From: in[0], At: late.At + time.Duration(s.between(1, 200))*time.Millisecond}
		in, out = append(in[1:], out[0]), out[1:]
		if change.At >= p.Heal {
			break
		}
		g.add(Fault{Kind: Transfer, Node: Target(leader), At: at}, late, change)
		at += time.Duration(s.between(3000, 6000)) * time.Millisecond
	}
}

// jointPin has a leader that ends a change of the membership hear nothing any more, while much is lost.
func (g *generator) jointPin(s *stream) []Fault {
	election := g.plan.Node.Election
	return []Fault{
		{Kind: Deaf, Node: NodeAll, On: StageLeave, For: 2 * election},
		{Kind: Loss, Rate: s.between(100, 400), For: time.Duration(s.between(200, 1000)) * time.Millisecond},
	}
}

// sameFiles is a world in which few files are uploaded again and again, and forgotten as often.
func (g *generator) sameFiles(s *stream) {
	g.files(s)
	p := g.plan
	p.Blobs.Pin = time.Duration(s.between(300, 1500)) * time.Millisecond
	for i := range p.Uploaders {
		p.Uploaders[i].Again, p.Uploaders[i].Files = 950, s.between(1, 3)
	}
	p.Disk.WriteMin, p.Disk.WriteMax = time.Duration(s.between(100, 1000))*time.Microsecond, time.Duration(s.between(2, 40))*time.Millisecond
}
