package blob

import "fmt"

// broken panics because something impossible is so: a bug in Parley, never a fault
// of disk, network or caller.
func broken(format string, args ...any) {
	panic("blob: " + fmt.Sprintf(format, args...))
}

// check states what holds after every Step.
func (r *Replicator) check() {
	if r.asked < 0 || r.writing < 0 || r.serving < 0 || r.removals < 0 {
		broken("%d bytes asked for, %d being written, %d being served, %d removals", r.asked, r.writing, r.serving, r.removals)
	}
	if r.asked+r.writing > r.o.FetchBytesMax || r.serving > r.o.ServeBytesMax || r.removals > r.o.RemovesMax {
		broken("%d bytes asked for, %d being written, %d being served, %d removals: beyond the limits", r.asked, r.writing, r.serving, r.removals)
	}
	if len(r.fetches) > r.o.FetchesMax || len(r.confirms) > r.o.ConfirmsMax || len(r.offered) > r.o.OffersMax {
		broken("%d fetches, %d confirmations, %d offered", len(r.fetches), len(r.confirms), len(r.offered))
	}
	asked := 0
	for i := range r.fetches {
		f := &r.fetches[i]
		if b := r.find(f.sum); b == nil || !b.fetching {
			broken("a fetch of %s, which is not being fetched", f.sum.Short())
		}
		for _, fl := range f.flights {
			if !fl.writing {
				asked += fl.bytes
			}
		}
	}
	if asked != r.asked {
		broken("%d bytes asked for, counted %d", asked, r.asked)
	}
	for i := range r.confirms {
		if b := r.find(r.confirms[i].sum); b == nil || !b.held || b.confirms == 0 {
			broken("%s is being confirmed and not held", r.confirms[i].sum.Short())
		}
	}
	for _, sum := range r.offered {
		if b := r.find(sum); b == nil || len(b.offers) == 0 {
			broken("%s is not offered", sum.Short())
		}
	}
}
