package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"text/template"

	"parley/raft"
	"parley/sim"
)

//go:embed page/page.html
var pageText string

//go:embed page/page.css
var pageStyle string

// The script in four parts: what happened, the lanes, the rest with the keys, and the other tab.
var (
	//go:embed page/model.js
	modelScript string
	//go:embed page/lanes.js
	lanesScript string
	//go:embed page/page.js
	stepScript string
	//go:embed page/history.js
	historyScript string

	pageScript = modelScript + "\n" + lanesScript + "\n" + stepScript + "\n" + historyScript
)

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// draw puts the recording into the page.
func (v *view) draw(r *sim.Result, rec *sim.Recording) ([]byte, error) {
	data, err := json.Marshal(v.data(r, rec)) // < and > are escaped: nothing in it ends the script element
	if err != nil {
		return nil, err
	}
	clients, err := drawPicture(r, rec)
	if err != nil {
		return nil, err
	}
	seen, err := json.Marshal(clients)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, map[string]string{
		"Title": html.EscapeString(fmt.Sprintf("Parley: seed %d, %s", r.Seed, r.Verdict())),
		"Style": pageStyle, "Script": pageScript, "Run": string(data), "Picture": string(seen),
	})
	return b.Bytes(), err
}

// pageData is what the page's script reads.
type pageData struct {
	Seed     uint64     `json:"seed"`
	Hash     string     `json:"hash"`
	Verdict  string     `json:"verdict"`
	Sentence string     `json:"sentence,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Report   string     `json:"report,omitempty"`
	At       uint64     `json:"at,omitempty"` // the event after which a judge spoke
	Repeat   string     `json:"repeat"`
	Nodes    int        `json:"nodes"`
	Total    uint64     `json:"total"` // events of the whole run
	Kinds    []string   `json:"kinds"` // of messages, by number
	Entries  []string   `json:"entries"`
	Start    []pageNode `json:"start"`
	Cut      [][3]int   `json:"cut"`
	Events   []pageItem `json:"events"`
	// [kind, term, from, to, sent, arrived, fate]: events by number, arrived 0: it did not
	Messages [][7]uint64 `json:"messages"`
}

// pageItem is one event.
type pageItem struct {
	Number  uint64     `json:"i"`
	At      int64      `json:"t"` // nanoseconds
	Who     string     `json:"w"`
	Text    string     `json:"x"`
	Changes []pageNode `json:"c,omitempty"`
	Links   [][3]int   `json:"l,omitempty"` // [from, to, cut]
}

// pageNode is what is new about a node.
type pageNode struct {
	Node  raft.NodeID `json:"n"`
	State [12]uint64  `json:"s"` // up, paused, lost, role, term, vote, leader, commit, applied, stored, base, last
	From  raft.Index  `json:"f,omitempty"`
	Runs  [][3]uint64 `json:"r,omitempty"` // [term, kind, count]; kind 0: a hole
}

func (v *view) data(r *sim.Result, rec *sim.Recording) *pageData {
	p := &pageData{
		Seed: r.Seed, Hash: fmt.Sprintf("%x", r.Hash), Verdict: r.Verdict(), Repeat: v.repeat(), Nodes: rec.Nodes, Total: r.Events,
		Start: pageNodes(rec.Start), Cut: pageLinks(rec.Links), Events: []pageItem{}, Messages: [][7]uint64{},
	}
	if b := r.Violation; b != nil {
		p.Sentence, p.Reason, p.Report, p.At = sim.Sentence(b.Invariant), b.Reason, strings.TrimSpace(b.Report), b.Event
	}
	for i := range rec.Events {
		e := &rec.Events[i]
		p.Events = append(p.Events, pageItem{e.Number, int64(e.At), e.Who, e.Text, pageNodes(e.Changes), pageLinks(e.Links)})
	}
	highest := raft.MessageKind(0)
	for i := range rec.Messages {
		m := &rec.Messages[i]
		highest = max(highest, m.Kind)
		p.Messages = append(p.Messages, [7]uint64{uint64(m.Kind), uint64(m.Term), uint64(m.From), uint64(m.To), m.Sent, m.Arrived, uint64(m.Fate)})
	}
	for k := raft.MessageKind(0); k <= highest; k++ {
		p.Kinds = append(p.Kinds, k.String())
	}
	p.Entries = []string{"hole"}
	for k := raft.EntryNoop; k <= raft.EntryLevel; k++ {
		p.Entries = append(p.Entries, k.String())
	}
	return p
}

func pageNodes(changes []sim.Change) []pageNode {
	list := make([]pageNode, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		s := &c.State
		n := pageNode{Node: c.Node, From: c.From, State: [12]uint64{bit(s.Up), bit(s.Paused), bit(s.Lost), uint64(s.Role), uint64(s.Term),
			uint64(s.Vote), uint64(s.Leader), uint64(s.Commit), uint64(s.Applied), uint64(s.Stored), uint64(s.Base), uint64(s.Last)}}
		for _, cell := range c.Cells {
			term, kind := uint64(cell.Term), uint64(cell.Kind)
			if last := len(n.Runs) - 1; last >= 0 && n.Runs[last][0] == term && n.Runs[last][1] == kind {
				n.Runs[last][2]++
			} else {
				n.Runs = append(n.Runs, [3]uint64{term, kind, 1})
			}
		}
		list = append(list, n)
	}
	return list
}

func pageLinks(links []sim.LinkChange) [][3]int {
	list := make([][3]int, 0, len(links))
	for _, l := range links {
		list = append(list, [3]int{int(l.From), int(l.To), int(bit(l.Cut))})
	}
	return list
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
