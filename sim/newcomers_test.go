package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// At stake: a judge who has people and clients go on in a new cluster and believes whatever they find there. After real runs it is silent; where
// the old cluster had something else it must speak.
func TestTheJudgeOfNewClustersSpeaksWhenItMust(t *testing.T) {
	t.Parallel() // one thread does it
	cases := map[string]func(w *World){
		"the password was another one": func(w *World) {
			for _, u := range w.team.model.users {
				for i := range u.password.is {
					u.password.is[i].version++
				}
			}
		},
		"something else was said": func(w *World) {
			for _, post := range w.team.model.posts {
				for i := range post.is.is {
					post.is.is[i].Text += "!"
				}
			}
		},
		"a document was another one": func(w *World) {
			for _, doc := range w.team.model.docs {
				for _, text := range doc.texts {
					text.content += "!"
				}
			}
		},
		"a request was answered otherwise": func(w *World) {
			for i := range w.judges.applied.log {
				w.judges.applied.log[i].reply = append(w.judges.applied.log[i].reply, 0)
			}
		},
		"it was answered at another position": func(w *World) {
			for i := range w.judges.applied.log {
				w.judges.applied.log[i].at.Position--
			}
		},
		"it was sent in another session": func(w *World) {
			for i := range w.operations {
				w.operations[i].sentAs.session += 1 << 20
			}
			for i := range w.judges.applied.log {
				w.judges.applied.log[i].at.Session += 1 << 20
			}
		},
		"something else was written anew": func(w *World) {
			for i := range w.operations {
				w.operations[i].text += "!"
			}
		},
		"the old key is the new one": func(w *World) {
			for _, k := range w.team.model.keys {
				k.secret = string(append([]byte{1}, make([]byte, 31)...))
			}
		},
	}
	spoke, silent := map[string]int{}, 0
	for seed := uint64(1); seed <= 40; seed++ {
		p := Generate(seed, 10*time.Second)
		if len(p.Teammates) == 0 {
			continue
		}
		w := newWorld(p, Options{})
		w.run()
		require.Nil(t, w.violation, "seed %d: %v", seed, w.violation)
		if w.cover.WentOn == 0 {
			continue
		}
		silent++
		for name, change := range cases {
			w := newWorld(p, Options{})
			w.run()
			change(w)
			if w.judgeSurvivor(); w.violation == nil {
				w.judgeBackups()
			}
			if w.violation != nil {
				require.Contains(t, []string{Survivor, Backups}, w.violation.Invariant)
				spoke[name]++
			}
		}
		if silent == 8 {
			break
		}
	}
	require.Greater(t, silent, 3)
	for name := range cases {
		require.NotZero(t, spoke[name], name)
	}
}
