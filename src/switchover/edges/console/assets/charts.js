// Charts: every <div class="chart" data-url="..."> becomes one. Loaded only by pages that have any.

