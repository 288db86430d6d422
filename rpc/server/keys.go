package server

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// keys keeps the keyring as the replicated state has it, so that a token issued anywhere works here.
type keys struct {
	host *host.Host
	ring *auth.Keyring
	now  func() time.Time

	mu      sync.Mutex
	current uint64 // as it was set last
	count   int

	askedAt atomic.Int64 // the leader, for a key that this node does not know
}

// unknownKeyEvery bounds how often tokens of unknown keys make this node ask the leader: anybody can write one.
const unknownKeyEvery = time.Second

// refresh reads the keys from the state.
func (k *keys) refresh(ctx context.Context, consistency node.Consistency) error {
	a, err := k.host.Do(ctx, node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: consistency,
		Body: statemachine.AppendQuery(nil, state.Head{}, &account.SigningKeys{})}})
	if err != nil || a.Outcome != node.Done {
		return errors.Join(err, errNotAnswered)
	}
	var list account.KeyList
	if err := state.DecodeReply(a.Reply, &list); err != nil {
		return err
	}
	return k.set(&list)
}

var errNotAnswered = errors.New("server: the node does not answer")

// set makes the ring hold the keys of the list. Keys never change under their number, and none but the oldest go.
func (k *keys) set(list *account.KeyList) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if list.Current == 0 || list.Current == k.current && len(list.Keys) == k.count {
		return nil
	}
	all := auth.Keys{Cluster: uint64(k.host.Status().Cluster)}
	for _, one := range list.Keys {
		secret, err := auth.SecretFrom("key", one.Secret)
		if err != nil {
			return err
		}
		key := auth.Key{ID: strconv.FormatUint(one.ID, 36), Secret: secret}
		if one.ID == list.Current {
			all.Sign = key
		} else {
			all.Older = append(all.Older, key)
		}
	}
	if err := k.ring.Set(all); err != nil {
		return err
	}
	k.current, k.count = list.Current, len(list.Keys)
	return nil
}

// any says whether there is a key.
func (k *keys) any() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current != 0
}

// verify checks a token. One of a key that this node has not heard of yet is looked at again when it has.
func (k *keys) verify(ctx context.Context, token string) (auth.Claims, error) {
	claims, err := k.ring.Verify(token)
	if !unknownKey(err) {
		return claims, err
	}
	if k.refresh(ctx, node.Stale) == nil {
		if claims, err = k.ring.Verify(token); !unknownKey(err) {
			return claims, err
		}
	}
	asked, now := k.askedAt.Load(), k.now().UnixNano()
	if now-asked >= int64(unknownKeyEvery) && k.askedAt.CompareAndSwap(asked, now) && k.refresh(ctx, node.Linearizable) == nil {
		return k.ring.Verify(token)
	}
	return claims, err
}

func unknownKey(err error) bool {
	refusal, ok := errors.AsType[*auth.Refusal](err)
	return ok && (refusal.Reason == auth.ReasonTokenKeyUnknown || refusal.Reason == auth.ReasonNoSigningKey)
}
