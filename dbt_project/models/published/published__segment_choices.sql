-- How well each number of segments would have served, and which was chosen.
select month, k::integer as k, silhouette, stability, chosen
from {{ source('ml', 'segment_choices') }}
