package server

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/scripted"
	"parley/rpc/answer"
	pb "parley/rpc/proto/parley/v1"
)

// What 20 people who write notice of a model that makes trouble while two others ask it, ten times a second each if it
// answers: five rounds of a second, one after the other with every kind of trouble and with none. The nodes and the model's server
// are in one process, and so is whoever writes.
//
//	go test ./rpc/server -run xxx -bench SendsBesideAModel -benchtime 1x
func BenchmarkSendsBesideAModel(b *testing.B) {
	hangs, wrong := scripted.New(scripted.Step{Hang: true}), scripted.New(scripted.Step{Pieces: []string{"\n"}})
	gone := serveModel(b, "127.0.0.1:0", scripted.New())
	gone.stop()
	kinds := []struct {
		name string
		addr string // of the model; empty: nobody asks
	}{{"alone", ""}, {"answering", serveModel(b, "127.0.0.1:0", scripted.New()).addr}, {"killed", gone.addr}, {"hung", serveModel(b, "127.0.0.1:0", llm.Provider(hangs)).addr},
		{"garbage", serveModel(b, "127.0.0.1:0", llm.Provider(wrong)).addr}}
	took := map[string][2][]time.Duration{} // p50 and p99 of each round
	clusters := map[string]*testCluster{}
	people := map[string][]*user{}
	for _, k := range kinds {
		cfg := governed()
		cfg.Rates = Rates{Asks: 1 << 20}
		if k.addr != "" {
			cfg.Assistant = answer.Config{Addr: k.addr, Secret: modelSecret}
		}
		c := startCluster(b, 3, cfg)
		clusters[k.name] = c
		for i := range 22 {
			people[k.name] = append(people[k.name], c.signUp(fmt.Sprintf("user%d", i)))
		}
	}
	for b.Loop() {
		for range 5 {
			for _, k := range kinds {
				all := sendsFor(b, people[k.name], time.Second, k.addr != "")
				t := took[k.name]
				t[0], t[1] = append(t[0], all[len(all)/2]), append(t[1], all[len(all)*99/100])
				took[k.name] = t
			}
		}
	}
	for _, k := range kinds {
		for i, name := range []string{"p50", "p99"} {
			rounds := took[k.name][i]
			slices.Sort(rounds)
			b.ReportMetric(float64(rounds[len(rounds)/2].Microseconds()), k.name+"-"+name+"-µs")
		}
	}
}

// asksEvery is far more often than the limit of a user lets him.
const asksEvery = 50 * time.Millisecond

// sendsFor has all but the last two write for a while, and those two ask a model. It returns how long each message took.
func sendsFor(b *testing.B, people []*user, d time.Duration, ask bool) (all []time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	pace := time.NewTicker(asksEvery)
	defer pace.Stop()
	var mu sync.Mutex
	var work sync.WaitGroup
	for i, u := range people {
		work.Go(func() {
			for ctx.Err() == nil {
				if i >= len(people)-2 {
					select {
					case <-pace.C:
					case <-ctx.Done():
						return
					}
					if !ask {
						continue
					}
					limited, cancel := u.within(500 * time.Millisecond)
					_, err := u.assistant().Summarize(limited, &pb.SummarizeRequest{Place: "general"})
					cancel()
					require.NoError(b, err)
					continue
				}
				began := time.Now()
				_, err := u.chat().Send(u.ctx(), &pb.SendRequest{Command: once(), Place: "general", Text: "a message of some length, as people write it"})
				require.NoError(b, err)
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
			}
		})
	}
	work.Wait()
	slices.Sort(all)
	return all
}
