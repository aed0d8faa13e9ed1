-- For wrk: a chat request with the body of the file BODY and the key KEY; prints what bench.py reads.
local file = io.open(os.getenv("BODY"), "rb")
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")

done = function(summary, latency, requests)
   local e = summary.errors
   io.write(string.format('{"requests":%d,"us":%d,"errors":%d,"p50":%.1f,"p90":%.1f,"p99":%.1f}\n',
      summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
