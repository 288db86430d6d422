//go:build prometheus

package observetest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// scraper is a real Prometheus, of .ci/prometheus.
type scraper struct {
	t    *testing.T
	addr string
}

// result is what its API answers.
type result struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Result        []json.RawMessage `json:"result"`
		ActiveTargets []struct {
			Health    string `json:"health"`
			LastError string `json:"lastError"`
		} `json:"activeTargets"`
		Groups []struct {
			Rules []struct {
				Name      string `json:"name"`
				Health    string `json:"health"`
				LastError string `json:"lastError"`
				State     string `json:"state"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"data"`
}

// scrape starts Prometheus with the alerts of deploy, on nodes of this process.
func scrape(t *testing.T, targets []string) *scraper {
	program := os.Getenv("PARLEY_PROMETHEUS")
	require.NotEmpty(t, program, "PARLEY_PROMETHEUS names the program")
	alerts, err := filepath.Abs("../../../deploy/prometheus/alerts.yaml")
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &scraper{t, l.Addr().String()}
	require.NoError(t, l.Close())
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n- job_name: parley\n  static_configs:\n  - targets: [%s]\n",
		alerts, strings.Join(targets, ", "))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte(config), 0o600))
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+s.addr, "--log.level=warn")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return s
}

// get asks the API; an answer that is none yet is empty.
func (s *scraper) get(path string) (r result) {
	a, err := http.Get("http://" + s.addr + path)
	if err != nil {
		return r
	}
	defer a.Body.Close()
	_ = json.NewDecoder(a.Body).Decode(&r) // an empty one
	return r
}

func (s *scraper) await(what string, done func() bool) {
	s.t.Helper()
	require.Eventually(s.t, done, 60*time.Second, 200*time.Millisecond, what)
}

// What the dashboard asks is answered by a Prometheus that scrapes three nodes, and no alert fires where all is well.
func TestARealPrometheusAnswersTheDashboardsQueries(t *testing.T) {
	c := Start(t, 3, Options{DemoUsers: true})
	var targets []string
	for _, n := range c.Nodes {
		web := httptest.NewServer(n.Metrics.Handler())
		t.Cleanup(web.Close)
		targets = append(targets, strings.TrimPrefix(web.URL, "http://"))
	}
	s := scrape(t, targets)
	s.await("three targets are up", func() bool {
		up := 0
		for _, target := range s.get("/api/v1/targets").Data.ActiveTargets {
			if target.Health == "up" {
				up++
			}
		}
		return up == 3
	})
	alice := c.Client(client.Config{})
	_, err := alice.LogIn(t.Context(), "alice", "alice123")
	require.NoError(t, err)
	_, err = alice.LogIn(t.Context(), "alice", "wrong")
	require.Error(t, err)
	go func() {
		for range alice.Watch(t.Context(), client.WatchOptions{}) { // until the test ends
		}
	}()
	for range 60 {
		_, err := alice.Send(t.Context(), "#general", "hello")
		require.NoError(t, err)
		_, err = alice.History(t.Context(), &pb.HistoryRequest{Place: "#general"})
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond) // rates need two scrapes
	}

	text, err := os.ReadFile("../../../deploy/grafana/parley.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Title   string                  `json:"title"`
			Targets []struct{ Expr string } `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &d))
	// What nothing has happened of in this cluster.
	quiet := []string{"Work on snapshots"}
	asked := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "10s", "$job", ".*", "$instance", ".*").Replace(target.Expr)
			path := "/api/v1/query?query=" + url.QueryEscape(expr)
			r := s.get(path)
			require.Equal(t, "success", r.Status, "%s: %s\n%s", p.Title, expr, r.Error)
			if p.Title != quiet[0] {
				s.await(p.Title+": "+expr, func() bool { return len(s.get(path).Data.Result) > 0 })
			}
			asked++
		}
	}
	require.Greater(t, asked, 40)

	s.await("the alerts are judged", func() bool {
		groups := s.get("/api/v1/rules").Data.Groups
		for _, g := range groups {
			for _, r := range g.Rules {
				require.Empty(t, r.LastError, r.Name)
				require.NotEqual(t, "firing", r.State, r.Name)
				if r.Health != "ok" {
					return false
				}
			}
		}
		return len(groups) > 0
	})
}
