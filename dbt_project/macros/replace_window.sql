{#- Incremental strategy of records and of errors: replaces all rows of the build's partitions, also where there are no
    new rows: a day whose value was withdrawn, or is not whole any more, has no error. delete+insert would keep the old rows of a partition without new ones. -#}
{% macro get_incremental_replace_window_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }}
    where {{ in_window() }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict["temp_relation"] }}
{%- endmacro %}
