{#- Calendar columns of a daily flow, except those in `without`. -#}
{% macro calendar_columns(without=[]) -%}
    {{ return([
        'weekday', 'holiday', 'is_public_holiday', 'is_bridge_day', 'is_school_holiday', 'school_holiday',
        'days_to_holiday', 'days_since_holiday', 'is_month_start', 'is_month_end', 'event', 'is_event',
    ] | reject('in', without) | list) }}
{%- endmacro %}

{#- The calendar of a daily flow, one row per centre and day: target_at is the start of the local day, issued_at the
    close of the day, when its forecasts are issued. `window` confines the rows of `calendar` to the partitions
    of the build. -#}
{% macro calendar_days(flow, window) -%}
    select
        calendar.*,
        calendar.day::timestamp at time zone centres.timezone as target_at,
        {{ close_of_day('calendar.day', 'centres.timezone') }} as issued_at
    from {{ ref('staging__calendar') }} as calendar
    inner join {{ ref('centres') }} as centres using (flow, centre_id)
    where calendar.flow = '{{ flow }}' and {{ window }}
{%- endmacro %}

{#- Holidays of a local day: columns of `calendar`, which is left joined to it. A day outside the calendar has none. -#}
{% macro holiday_columns(calendar) -%}
    {{ calendar }}.holiday,
    {% for name in ['is_public_holiday', 'is_bridge_day', 'is_school_holiday'] -%}
    coalesce({{ calendar }}.{{ name }}, false) as {{ name }}
    {{- "," if not loop.last }}
    {% endfor -%}
{%- endmacro %}
