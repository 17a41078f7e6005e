-- The quality of each number of segments, and the one that was chosen.
select month, k::integer as k, silhouette, stability, chosen
from {{ source('ml', 'segment_choices') }}
