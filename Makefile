# make demo   try Rialto with simulated remote systems and invented people
# make test   everything that CI runs

.PHONY: demo test faults bench deny

demo:
	@scripts/assets.sh
	cargo run --release --locked -p rialto -- demo

test:
	@scripts/test.sh

# The long counts, no part of CI: more rounds of killing and restarting.
faults:
	@scripts/faults.sh

bench:
	@scripts/bench.sh

deny:
	@scripts/deny.sh
